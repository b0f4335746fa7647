"""How many events a key had in the last N seconds: sliding-window counters, two numbers a key.

The events of the current and of the previous stretch of N seconds are counted; the previous count fades linearly while
the current stretch goes on. It is the approximation that rate limiters use: state is bounded whatever the rate, and
the count is exact whenever the previous stretch was empty or its events were evenly spread.
"""

import struct
from collections.abc import Sequence

import numpy as np

from stream.errors import StateError
from stream.records import Record
from stream.slots import Placement, Slots, lengths

VERSION = 1
_VALUE = struct.Struct("<Bqqqq")


class Counts:
    """Sliding counts per key (a text), bounded to `max_keys`.

    Arrays, by slot: stretch int64 [S] number of the stretch of the last event, current and previous int64 [S].
    """

    def __init__(self, prefix: bytes, seconds: float, max_keys: int, epoch: int) -> None:
        self.prefix, self.seconds = prefix, seconds
        self.slots = Slots(max_keys, epoch)
        capacity = self.slots.capacity
        self.stretch = np.zeros(capacity, np.int64)
        self.current = np.zeros(capacity, np.int64)
        self.previous = np.zeros(capacity, np.int64)
        self._touched: list[np.ndarray] = []  # slots, since the last changelog write
        self._tombstones: dict[bytes, None] = {}

    def on_batch(self, key: Sequence[str], time: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Count B events ([B] texts, float64 [B] seconds, int64 [B] offsets).

        Returns float64 [B]: the events of the key in the last `seconds`, this one and those before it in the batch
        included. An event that is late counts into the key's newest stretch.
        """
        if not len(time):
            return np.empty(0)
        at = self.slots.on_batch(key, offset)
        self._touched.append(at.touched)
        ordered = time[at.order] / self.seconds
        stretch = self._monotone(np.floor(ordered).astype(np.int64), at)
        current, previous = self._count(stretch, at)
        last = at.start + at.size - 1
        touched = at.touched
        self.stretch[touched], self.current[touched] = stretch[last], current[last]
        self.previous[touched] = previous[last]
        share = np.clip(1.0 - (ordered - stretch), 0.0, 1.0)
        result = np.empty(len(time))
        result[at.order] = current + previous * share
        return result

    def _monotone(self, stretch: np.ndarray, at: Placement) -> np.ndarray:
        """Within each run no event's stretch lies before an earlier event's, nor before the stored one."""
        stretch[at.start] = np.maximum(stretch[at.start], self.stretch[at.touched])
        span = int(stretch.max() - stretch.min()) + 1
        lift = np.repeat(np.arange(len(at.start)), at.size) * span
        return np.maximum.accumulate(stretch + lift) - lift

    def _count(self, stretch: np.ndarray, at: Placement) -> tuple[np.ndarray, np.ndarray]:
        """Per sorted event: the count in its stretch so far, and in the stretch before (int64 [B] both)."""
        opens = np.empty(len(stretch), bool)
        opens[:1] = True
        np.not_equal(stretch[1:], stretch[:-1], out=opens[1:])
        opens[at.start] = True
        start = np.flatnonzero(opens)
        size = lengths(start, len(stretch))
        group, lead = stretch[start], np.searchsorted(start, at.start)
        touched = at.touched
        gone = group[lead] - self.stretch[touched]  # stretches since the key's last event
        carried, before = np.zeros(len(start), np.int64), np.zeros(len(start), np.int64)
        carried[lead] = np.where(gone == 0, self.current[touched], 0)
        before[1:] = np.where(group[1:] == group[:-1] + 1, (size + carried)[:-1], 0)
        before[lead] = np.where(
            gone == 0, self.previous[touched], np.where(gone == 1, self.current[touched], 0)
        )
        current = np.arange(len(stretch)) - np.repeat(start - carried, size) + 1
        return current, np.repeat(before, size)

    def close_epoch(self) -> None:
        """Evict the least recently seen keys above the bound."""
        for slot, key in self.slots.expire():
            self._clear(slot)
            self._tombstones[self.prefix + str(key).encode()] = None

    def _clear(self, slot: int) -> None:
        self.stretch[slot] = self.current[slot] = self.previous[slot] = 0

    def changes(self) -> list[Record]:
        """The counters touched since the last call, and tombstones of the evicted."""
        touched = np.unique(np.concatenate([np.empty(0, np.int64), *self._touched])).tolist()
        self._touched.clear()
        slots = [slot for slot in touched if self.slots.key[slot] is not None]
        rows = zip(
            self.slots.seen[slots].tolist(),
            self.stretch[slots].tolist(),
            self.current[slots].tolist(),
            self.previous[slots].tolist(),
            strict=True,
        )
        keys = [self.prefix + str(self.slots.key[slot]).encode() for slot in slots]
        tombstones: list[Record] = [(gone, None) for gone in self._tombstones.keys() - set(keys)]
        self._tombstones.clear()
        return sorted(tombstones) + [
            (key, _VALUE.pack(VERSION, *row)) for key, row in zip(keys, rows, strict=True)
        ]

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one changelog record back. Raises StateError for another version."""
        name = key[len(self.prefix) :].decode()
        if value is None:
            slot = self.slots.drop(name)
            if slot is not None:
                self._clear(slot)
            return
        if len(value) != _VALUE.size or value[0] != VERSION:
            raise StateError(
                f"rate counter in the changelog: expected version {VERSION} of {_VALUE.size} bytes, found version "
                f"{value[0]} of {len(value)} bytes; set a new application_id to start with empty counters"
            )
        slot = self.slots.find(name)
        _, seen, stretch, current, previous = _VALUE.unpack(value)
        self.slots.seen[slot], self.stretch[slot] = seen, stretch
        self.current[slot], self.previous[slot] = current, previous
