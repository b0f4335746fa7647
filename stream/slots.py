"""Keys to slots: which row of an arena belongs to which key, bounded, least recently seen out first.

A `Placement` says where the events of a batch go and which of them have the same key, so that the windows work with
numpy instead of looping over events.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FREE = np.int64(2**63 - 1)  # later than any offset


@dataclass(frozen=True, slots=True)
class Placement:
    """Where B events go, and which of them have the same key.

    slot:    int64 [B], the arena row of each event's key
    rank:    int64 [B], how many events of the same key come before this one in the batch
    order:   int64 [B], the events of each key one after the other, in the order of the batch
    repeats: whether any key has two events
    """

    slot: np.ndarray
    rank: np.ndarray
    order: np.ndarray
    repeats: bool

    def earlier(self, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every event with each of the `most` events of its key that come before it in the batch, or all there are.

        Three int64 [K]: the event, how many events of its key back the earlier one is, and the earlier one.
        """
        pairs = np.minimum(self.rank[self.order], most)
        place = np.repeat(np.arange(len(pairs)), pairs)
        back = np.arange(1, len(place) + 1) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        return self.order[place], back, self.order[place - back]


def place(slots: Sequence[int]) -> Placement:
    """Put a batch's slots [B] in order."""
    slot, number = np.array(slots, np.int64), np.arange(len(slots))
    if len(set(slots)) == len(slots):
        return Placement(slot, np.zeros(len(slots), np.int64), number, repeats=False)
    order = slot.argsort(kind="stable")
    ordered = slot[order]
    start = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    rank = np.empty(len(slot), np.int64)
    first = np.zeros(len(slot), np.int64)  # of its key, in the sorted batch
    first[start] = start
    rank[order] = number - np.maximum.accumulate(first)
    return Placement(slot, rank, order, repeats=True)


class Slots:
    """The keys of one partition, each with a slot and the offset at which it was last seen.

    `expire` is called between epochs only, so between two calls there may be up to an epoch's events more keys than
    `max_keys`; `capacity` leaves room for them.
    """

    def __init__(self, max_keys: int, epoch: int) -> None:
        self.max_keys = max_keys
        self.capacity = max_keys + epoch
        # int64 [S]; FREE where no key is, so that it is never the oldest.
        self.seen = np.full(self.capacity, FREE)
        self.key: list[Hashable | None] = [None] * self.capacity
        self.evictions = 0
        self._slot: dict[Hashable, int] = {}
        self._free = list(range(self.capacity - 1, -1, -1))

    def __len__(self) -> int:
        return len(self._slot)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._slot

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._slot)

    def look_up(self, key: Hashable) -> int | None:
        """The slot of a key that has one."""
        return self._slot.get(key)

    def find(self, key: Hashable) -> int:
        """The slot of a key, taken from the free ones when the key is new."""
        slot = self._slot.get(key)
        if slot is None:
            slot = self._slot[key] = self._free.pop()
            self.key[slot] = key
            self.seen[slot] = 0
        return slot

    def find_all(self, keys: Sequence[Hashable], offset: np.ndarray) -> list[int]:
        """The slots of B keys seen at `offset` (int64 [B], increasing)."""
        known = self._slot
        try:
            slots = list(map(known.__getitem__, keys))
        except KeyError:
            slots = [self.find(key) for key in keys]
        if slots:
            self.seen[slots] = offset
        return slots

    def expire(self) -> list[tuple[int, Hashable]]:
        """Give up the least recently seen keys above `max_keys`: their (slot, key)."""
        excess = len(self._slot) - self.max_keys
        if excess <= 0:
            return []
        oldest = self.seen.argpartition(excess - 1)[:excess]
        gone = [(slot, self.key[slot]) for slot in oldest[self.seen[oldest].argsort()].tolist()]
        for _, key in gone:
            self.drop(key)
        self.evictions += excess
        return gone

    def drop(self, key: Hashable) -> int | None:
        """Forget one key: the slot that it had, if any."""
        slot = self._slot.pop(key, None)
        if slot is not None:
            self.key[slot] = None
            self.seen[slot] = FREE
            self._free.append(slot)
        return slot
