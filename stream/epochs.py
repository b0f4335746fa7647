"""Epochs: stretches of source offsets between which alone a partition's shared state changes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stream.events import EventBatch

EPOCH = 512  # offsets


def by_epoch(batch: EventBatch) -> Iterator[tuple[int, EventBatch]]:
    """The parts of a batch that are each of one epoch, and its number."""
    for epoch, part in epochs(batch.offset):
        yield epoch, batch.part(part.start, part.stop)


def epochs(offset: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """The epochs that rising offsets [B] are of, and the places of each."""
    start = 0
    while start < len(offset):
        epoch = int(offset[start]) // EPOCH
        stop = int(offset.searchsorted((epoch + 1) * EPOCH))
        yield epoch, slice(start, stop)
        start = stop
