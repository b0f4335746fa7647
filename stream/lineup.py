"""Which models score the events of a partition, and since when: a part of the partition's state.

A model is chosen between two batches, and the choice is in the changelog before any event is scored by it. So each
event has one model, whatever happens to the worker, and an alert that is sent again has the same id.
"""

import struct
from dataclasses import dataclass

import orjson

from stream.records import Record
from stream.scorer import Scorer
from stream.versioned import unpack_head

VERSION = 1
_HEAD = struct.Struct("<B")


@dataclass(frozen=True, slots=True)
class Lineup:
    """The models at work: `live` makes the alerts, `shadow` runs beside it and makes none."""

    live: Scorer
    shadow: Scorer | None = None

    @property
    def digests(self) -> tuple[str, str | None]:
        """Of the live model and the shadow."""
        return self.live.digest, self.shadow.digest if self.shadow else None


class Chosen:
    """The digests of a partition's models as its state has them.

    digests: of the live model and the shadow; None where the state does not say
    since:   source offset up to which another live model scored; shadow_since: from where on this shadow was tried
    """

    prefix = b"m"

    def __init__(self) -> None:
        self.digests: tuple[str, str | None] | None = None
        self.since = self.shadow_since = -1
        self._changed = False

    def choose(self, digests: tuple[str, str | None], offset: int) -> None:
        """Both are in use for the events after `offset`."""
        before = self.digests or (None, None)
        if digests[0] != before[0]:
            self.since = offset
        if digests != before:
            self.shadow_since = offset
            self._changed = True
        self.digests = digests

    def changes(self) -> list[Record]:
        """The choice, if it changed since the last call."""
        if not self._changed:
            return []
        self._changed = False
        body = orjson.dumps([self.digests, self.since, self.shadow_since])
        return [(self.prefix, _HEAD.pack(VERSION) + body)]

    def restore(self, _key: bytes, value: bytes | None) -> None:
        """Read the record back. Raises StateError for another version."""
        unpack_head(_HEAD, value or b"", VERSION, "the choice of models")
        (live, shadow), self.since, self.shadow_since = orjson.loads((value or b"")[_HEAD.size :])
        self.digests = live, shadow
