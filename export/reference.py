"""How a profile's features and a model's scores are distributed in a stream: what a manifest may say for drift.

A file of events is played through the detector as `onsight replay` does it. Rows come from the profile's features as
the experience store makes them, so what the profile masks is not in them.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from export.experience.rows import RowMaker
from stream.bins import Bins, Histogram
from stream.drift_monitor import REFERENCE
from stream.drift_reference import Reference, told, written
from stream.errors import InputError
from stream.events import EventBatch
from stream.partitioner import partition_of
from stream.profile import Profile
from stream.replay import Replay
from stream.scorer import Scorer

MOST = 32_768  # rows of a sample: a bin's count has 16 bits


class Sample:
    """Rows of C columns evenly spread over a stream whose length is not known: every nth, at most MOST."""

    def __init__(self, columns: int, most: int = MOST) -> None:
        self.rows = np.empty((0, columns), np.float32)
        self._most, self._every, self._seen = most, 1, 0

    def add(self, values: NDArray[np.float32]) -> None:
        """Take the next values [n, C]."""
        first = -self._seen % self._every
        self.rows = np.concatenate([self.rows, values[first :: self._every]])
        self._seen += len(values)
        while len(self.rows) > self._most:
            self.rows = self.rows[::2]
            self._every *= 2


def make_reference(
    profile: Profile, scorer: Scorer, batches: Iterable[EventBatch], partitions: int, max_keys: int
) -> Reference:
    """What the model sees and says of the events of a topic with so many partitions.

    Raises InputError: too few events.
    """
    replay = Replay(profile, scorer, partitions=partitions, max_keys=max_keys)
    makers = [RowMaker(profile, max_keys) for _ in range(partitions)]
    begun = [0] * partitions
    rows, scores = Sample(len(told(profile))), Sample(1)
    for batch in batches:
        scores.add(replay.on_batch(batch).score[:, None])
        home = np.array([partition_of(entity.encode(), partitions) for entity in batch.entity], np.int64)
        for number, maker in enumerate(makers):
            part = batch.take(np.flatnonzero(home == number))
            offset = np.arange(begun[number], begun[number] + len(part))
            begun[number] += len(part)
            for made in maker.on_batch(replace(part, offset=offset)):
                rows.add(made.row[:, told(profile)])
    if replay.events < REFERENCE:
        raise InputError(f"expected at least {REFERENCE:,} events for a reference, found {replay.events:,}")
    category = profile.category[told(profile)] > 0
    return written(profile, _histograms(rows.rows, category), *_histograms(scores.rows, np.zeros(1, bool)))


def _histograms(values: NDArray[np.float32], category: NDArray[np.bool_]) -> list[Histogram]:
    """One of each column of a sample [N, C]."""
    bins = Bins.of(values, category)
    return [Histogram(*column) for column in zip(bins.edges, bins.count(values), strict=True)]
