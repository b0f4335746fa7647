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
from stream.slots import Slots

VERSION = 1
_VALUE = struct.Struct("<Bqqqq")
_EMPTY = (0, 0, 0)


class Counts:
    """Sliding counts per key (a text), bounded to `max_keys`.

    By slot: the number of the stretch of the key's last event, the events of that stretch, and of the one before it.
    """

    def __init__(self, prefix: bytes, seconds: float, max_keys: int, epoch: int) -> None:
        self.prefix, self.seconds = prefix, seconds
        self.slots = Slots(max_keys, epoch)
        self._state: list[tuple[int, int, int]] = [_EMPTY] * self.slots.capacity
        self._touched: set[int] = set()  # slots, since the last changelog write
        self._tombstones: dict[bytes, None] = {}

    def on_batch(self, key: Sequence[str], time: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Count B events ([B] texts, float64 [B] seconds, int64 [B] offsets).

        Returns float64 [B]: the events of the key in the last `seconds`, this one and those before it in the batch
        included. An event that is late counts into the key's newest stretch.
        """
        slots = self.slots.find_all(key, offset)
        self._touched.update(slots)
        state, result = self._state, []
        now = time / self.seconds
        stretch_of = now.astype(np.int64)
        parts = now - stretch_of
        # Event by event: numpy would have to sort them by key, and take 15 times as long for one event.
        for slot, here, part in zip(slots, stretch_of.tolist(), parts.tolist(), strict=True):
            stretch, current, previous = state[slot]
            if here > stretch:
                previous = current if here == stretch + 1 else 0
                stretch, current = here, 1
            else:
                current += 1
                part = (
                    part if here == stretch else 0.0
                )  # one that is late: nothing of the current stretch is over
            state[slot] = stretch, current, previous
            result.append(current + previous * (1.0 - part))
        return np.array(result, np.float64)

    def close_epoch(self) -> None:
        """Evict the least recently seen keys above the bound."""
        for slot, key in self.slots.expire():
            self._state[slot] = _EMPTY
            self._tombstones[self.prefix + str(key).encode()] = None

    def changes(self) -> list[Record]:
        """The counters touched since the last call, and tombstones of the evicted."""
        slots = [slot for slot in sorted(self._touched) if self.slots.key[slot] is not None]
        self._touched.clear()
        keys = [self.prefix + str(self.slots.key[slot]).encode() for slot in slots]
        tombstones: list[Record] = [(gone, None) for gone in self._tombstones.keys() - set(keys)]
        self._tombstones.clear()
        seen = self.slots.seen[slots].tolist() if slots else []
        return sorted(tombstones) + [
            (key, _VALUE.pack(VERSION, at, *self._state[slot]))
            for key, at, slot in zip(keys, seen, slots, strict=True)
        ]

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one changelog record back. Raises StateError for another version."""
        name = key[len(self.prefix) :].decode()
        if value is None:
            slot = self.slots.drop(name)
            if slot is not None:
                self._state[slot] = _EMPTY
            return
        if len(value) != _VALUE.size or value[0] != VERSION:
            raise StateError(
                f"rate counter in the changelog: expected version {VERSION} of {_VALUE.size} bytes, found version "
                f"{value[0]} of {len(value)} bytes; set a new application_id to start with empty counters"
            )
        slot = self.slots.find(name)
        _, self.slots.seen[slot], *state = _VALUE.unpack(value)
        self._state[slot] = state[0], state[1], state[2]
