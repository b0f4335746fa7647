"""W3C trace context in record headers: what of it an alert carries on."""

import re
from collections.abc import Iterable

PARENT, STATE = "traceparent", "tracestate"
# Version 00 as the standard has it; headers are somebody else's text, and nothing else of them may leave.
_PARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_MEMBER = rb"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x21-\x2b\x2d-\x3c\x3e-\x7e]{1,256}"
_STATE = re.compile(_MEMBER + rb"(?:,%s){0,31}" % _MEMBER)
LONGEST_STATE = 512


def carried(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    """The trace context among a record's headers, if it is a valid one; the state only with its parent."""
    found = {name: value for name, value in headers if name in (PARENT, STATE) and value is not None}
    parent, state = found.get(PARENT, b""), found.get(STATE, b"")
    if not _PARENT.fullmatch(parent):
        return []
    kept = [(PARENT, parent)]
    if len(state) <= LONGEST_STATE and _STATE.fullmatch(state):
        kept.append((STATE, state))
    return kept
