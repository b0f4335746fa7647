"""A candidate model on trial beside the live one: what it would have alerted on, and where the two agree.

The candidate sees the very same events and contexts, and has a policy of its own: its own reference of scores, its own
budget, its own folding of repeats. Its alerts are counted and not sent. All of this is a part of the partition's state.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from stream.alerts import hidden_entity
from stream.events import EventBatch
from stream.policy import Judgement, Policy, Precision, certain
from stream.profile import Profile
from stream.records import Record
from stream.versioned import unpack_head

Kind = Literal["both", "added", "dropped"]
KINDS: tuple[Kind, ...] = ("both", "added", "dropped")
KEPT = 512  # alerts of each kind that are told one by one, the newest

_VERSION = 1
_COUNTS = struct.Struct("<BQQQQ")
_TOTAL, _ALERT = b"n", b"a"


@dataclass(frozen=True, slots=True)
class Compared:
    """An event on which one of the models, or both, alerted."""

    offset: int
    entity: str


class Shadow:
    """One partition's trial.

    events: how many both models scored
    counts: alerts of both models, of the candidate alone (added) and of the live model alone (dropped)
    """

    prefix = b"x"

    def __init__(self, profile: Profile, share: float) -> None:
        self._rule, self._share = profile.alerts, share
        self._hidden = profile.entity in profile.masked
        self._written: set[bytes] = set()  # keys with a value in the changelog
        self._gone: set[bytes] = set()
        self._reset()

    def _reset(self) -> None:
        self.policy = Policy(self._rule, self._share)
        self.events = 0
        self.counts: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        self._alerts: dict[Kind, dict[int, Compared]] = {kind: {} for kind in KINDS}  # by place, count % KEPT
        self._touched: list[tuple[Kind, int]] = []
        self._changed = False

    def begin(self) -> None:
        """Forget the trial so far: another candidate comes, or none."""
        self._gone |= self._written
        self._written = set()
        self._reset()

    def on_batch(
        self,
        score: NDArray[np.float32],
        batch: EventBatch,
        live: Judgement,
        precision: Precision = certain,
    ) -> None:
        """Judge the candidate's scores [B] of a batch of one epoch beside the live model's judgement of it."""
        own = self.policy.on_batch(score, batch.time, batch.entity, precision)
        self.events += len(score)
        self._changed = True
        for event in np.flatnonzero(own.alert | live.alert).tolist():
            kind: Kind = "dropped" if not own.alert[event] else "both" if live.alert[event] else "added"
            place = self.counts[kind] % KEPT
            entity = batch.entity[event]
            told = hidden_entity(entity) if self._hidden else entity
            self._alerts[kind][place] = Compared(int(batch.offset[event]), told)
            self._touched.append((kind, place))
            self.counts[kind] += 1

    def alerts(self, kind: Kind) -> list[Compared]:
        """The newest of one kind, oldest first."""
        return sorted(self._alerts[kind].values(), key=lambda alert: alert.offset)

    def relabel(self) -> None:
        if self.events:
            self.policy.relabel()

    def close_epoch(self) -> None:
        """The candidate's policy closes its epoch."""
        self.policy.close_epoch()

    def changes(self) -> list[Record]:
        """What changed since the last call; tombstones of what an earlier trial had written."""
        records = list(self._own_changes())
        fresh = {key for key, _ in records}
        gone: list[Record] = [(key, None) for key in sorted(self._gone - fresh)]
        self._gone = set()
        for key, value in records:
            (self._written.discard if value is None else self._written.add)(key)
        return gone + records

    def _own_changes(self) -> Iterator[Record]:
        for key, value in self.policy.changes():
            yield self.prefix + key, value
        for kind, place in dict.fromkeys(self._touched):
            alert = self._alerts[kind][place]
            key = self.prefix + _ALERT + bytes((KINDS.index(kind),)) + place.to_bytes(2, "big")
            yield key, bytes((_VERSION,)) + orjson.dumps([alert.offset, alert.entity])
        if self._changed:
            counts = (self.counts[kind] for kind in KINDS)
            yield self.prefix + _TOTAL, _COUNTS.pack(_VERSION, self.events, *counts)
        self._touched, self._changed = [], False

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one record back. Raises StateError."""
        (self._written.discard if value is None else self._written.add)(key)
        rest = key[1:]
        if rest[:1] == Policy.prefix:
            self.policy.restore(rest, value)
        elif rest[:1] == _ALERT:
            self._restore_alert(KINDS[rest[1]], int.from_bytes(rest[2:], "big"), value)
        else:
            nothing = _COUNTS.pack(_VERSION, 0, 0, 0, 0)
            self.events, *counts = unpack_head(_COUNTS, value or nothing, _VERSION, "a trial's counts")
            self.counts = dict(zip(KINDS, counts, strict=True))

    def _restore_alert(self, kind: Kind, place: int, value: bytes | None) -> None:
        if value is None:
            self._alerts[kind].pop(place, None)
            return
        unpack_head(struct.Struct("<B"), value, _VERSION, "a trial's alert")
        self._alerts[kind][place] = Compared(*orjson.loads(value[1:]))
