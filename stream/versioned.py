"""The first byte of every changelog value is a version."""

import struct
from typing import Any

from stream.errors import StateError


def unpack_head(layout: struct.Struct, value: bytes, version: int, what: str) -> tuple[Any, ...]:
    """The fields after the version byte that `layout` begins with.

    Raises StateError: another version, or too short.
    """
    if len(value) < layout.size or value[0] != version:
        raise StateError(
            f"{what} in the changelog has version {value[:1].hex() or 'none'} and {len(value)} bytes, "
            f"expected version {version:02x} and at least {layout.size} bytes: another release of onsight "
            "wrote it; run that one, or start afresh with another application_id"
        )
    return layout.unpack_from(value)[1:]
