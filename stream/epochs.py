"""Epochs: stretches of source offsets between which alone a partition's shared state changes."""

from collections.abc import Iterator

from stream.events import EventBatch

EPOCH = 512  # offsets


def by_epoch(batch: EventBatch) -> Iterator[tuple[int, EventBatch]]:
    """The parts of a batch that are each of one epoch, and its number."""
    start = 0
    while start < len(batch):
        epoch = int(batch.offset[start]) // EPOCH
        stop = int(batch.offset.searchsorted((epoch + 1) * EPOCH))
        yield epoch, batch.part(start, stop)
        start = stop
