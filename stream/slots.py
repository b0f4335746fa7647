"""Keys to slots: which row of an arena belongs to which key, bounded, least recently seen out first.

A `Placement` says where the events of a batch go and in which order events of the same key follow each other; every
stateful room (windows, counts) works on it with numpy instead of looping over events.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Placement:
    """Where B events go. The events of one slot, in batch order, form a run of the sorted batch.

    slot:  int64 [B], the arena row of each event's key
    order: int64 [B], a stable sort of the events by slot
    start: int64 [U], where each of the U runs starts in the sorted batch
    size:  int64 [U], how many events each run has
    rank:  int64 [B], how many events of the same key come before this one in the batch
    """

    slot: np.ndarray
    order: np.ndarray
    start: np.ndarray
    size: np.ndarray
    rank: np.ndarray

    @property
    def touched(self) -> np.ndarray:
        """int64 [U]: the distinct slots, in the order of the runs."""
        return np.asarray(self.slot[self.order[self.start]])

    @property
    def run_size(self) -> np.ndarray:
        """int64 [B]: how many events of the batch share each event's key."""
        size = np.empty(len(self.slot), np.int64)
        size[self.order] = np.repeat(self.size, self.size)
        return size

    @property
    def repeats(self) -> bool:
        return len(self.start) < len(self.slot)


def lengths(start: np.ndarray, total: int) -> np.ndarray:
    """int64 [U]: how long each stretch is that begins at `start` (int64 [U]), where the last one ends at `total`."""
    size = np.empty(len(start), np.int64)
    np.subtract(start[1:], start[:-1], out=size[:-1])
    size[-1:] = total - start[-1:]
    return size


def place(slot: np.ndarray) -> Placement:
    """Order a batch's slots (int64 [B]) into runs."""
    order = np.argsort(slot, kind="stable")
    ordered = slot[order]
    fresh = np.empty(len(slot), bool)
    fresh[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    start = np.flatnonzero(fresh)
    size = lengths(start, len(slot))
    rank = np.empty(len(slot), np.int64)
    rank[order] = np.arange(len(slot)) - np.repeat(start, size)
    return Placement(slot, order, start, size, rank)


class Slots:
    """The keys of one partition, each with a slot and the offset at which it was last seen.

    `expire` is called between epochs only, so between two calls there may be up to an epoch's events more keys than
    `max_keys`; `capacity` leaves room for them.
    """

    def __init__(self, max_keys: int, epoch: int) -> None:
        self.max_keys = max_keys
        self.capacity = max_keys + epoch
        self.seen = np.zeros(self.capacity, np.int64)
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

    def find(self, key: Hashable) -> int:
        """The slot of a key, taken from the free ones when the key is new."""
        slot = self._slot.get(key)
        if slot is None:
            slot = self._slot[key] = self._free.pop()
            self.key[slot] = key
        return slot

    def on_batch(self, keys: Sequence[Hashable], offset: np.ndarray) -> Placement:
        """Place B keys seen at `offset` (int64 [B], increasing)."""
        known = self._slot
        try:
            slot = np.array([known[key] for key in keys], np.int64)
        except KeyError:
            slot = np.array([self.find(key) for key in keys], np.int64)
        self.seen[slot] = offset
        return place(slot)

    def expire(self) -> list[tuple[int, Hashable]]:
        """Give up the least recently seen keys above `max_keys`: their (slot, key)."""
        excess = len(self._slot) - self.max_keys
        if excess <= 0:
            return []
        used = np.fromiter(self._slot.values(), np.int64, len(self._slot))
        oldest = used[np.argsort(self.seen[used], kind="stable")[:excess]]
        gone = [(int(slot), self.key[slot]) for slot in oldest]
        for _, key in gone:
            self.drop(key)
        self.evictions += excess
        return gone

    def drop(self, key: Hashable) -> int | None:
        """Forget one key: the slot that it had, if any."""
        slot = self._slot.pop(key, None)
        if slot is not None:
            self.key[slot] = None
            self.seen[slot] = 0
            self._free.append(slot)
        return slot
