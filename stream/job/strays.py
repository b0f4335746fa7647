"""Notices an entity in two partitions: its window would be torn in two, and each half know too little."""

from collections.abc import Mapping
from itertools import islice

from stream.slots import Slots

SAMPLE = 500  # keys of each partition that are looked up in the others


def strays(held: Mapping[int, Slots]) -> tuple[int, ...]:
    """The partitions of which some sampled key stands in another partition that this worker holds."""
    found = set()
    for number, slots in held.items():
        for other, theirs in held.items():
            if other != number and any(key in theirs for key in islice(slots, SAMPLE)):
                found |= {number, other}
    return tuple(sorted(found))
