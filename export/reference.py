"""How a profile's features and a model's scores are distributed in a stream: what a manifest may say for drift.

A file of events is played through the detector as `onsight replay` does it; an experience store has the rows, and they
are scored again. Rows of events are made as the store's are, so what the profile masks is not in them.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.experience.columns import layout_of
from export.experience.content import read_content
from export.experience.read import stored_rows
from export.experience.rows import RowMaker
from export.experience.scores import RowScorer
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
    """Rows of C columns evenly spread over a stream whose length is not known: every nth, at most MOST.

    seen: how many there were
    """

    def __init__(self, columns: int, most: int = MOST) -> None:
        self.rows = np.empty((0, columns), np.float32)
        self.seen = 0
        self._most, self._every = most, 1

    def add(self, values: NDArray[np.float32]) -> None:
        """Take the next values [n, C]."""
        first = -self.seen % self._every
        self.rows = np.concatenate([self.rows, values[first :: self._every]])
        self.seen += len(values)
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
    return _reference(profile, rows, scores)


def reference_of_store(
    profile: Profile, scorer: Scorer, folder: Path, max_keys: int, advance: Callable[[int], None]
) -> Reference:
    """The same of the rows in the experience store `folder`; `advance` hears how many more were read.

    Where the profile masks features the store does not have them, and nothing is said of the score.
    Raises InputError: no store, one of another profile, or too few events.
    """
    content = read_content(folder)
    if content.layout != layout_of(profile):
        names = ", ".join(column.name for column in content.columns)
        raise InputError(
            f"{folder} holds experience of another profile than {profile.name!r} as it is now (columns {names})"
        )
    whole = not any(feature.mask for feature in profile.features)
    rows, scores = Sample(len(told(profile))), Sample(1)
    for _, parts in groupby(stored_rows(folder, content), key=itemgetter(0)):
        again = RowScorer(profile, scorer, max_keys)
        for _, part in parts:
            rows.add(part.row[:, told(profile)])
            if whole:
                scores.add(again.on_rows(part)[:, None])
            advance(len(part))
    return _reference(profile, rows, scores)


def _reference(profile: Profile, rows: Sample, scores: Sample) -> Reference:
    if rows.seen < REFERENCE:
        raise InputError(f"expected at least {REFERENCE:,} events for a reference, found {rows.seen:,}")
    features = _histograms(rows.rows, profile.category[told(profile)] > 0)
    score = _histograms(scores.rows, np.zeros(1, bool))[0] if scores.seen else None
    return written(profile, len(rows.rows), features, score)


def _histograms(values: NDArray[np.float32], category: NDArray[np.bool_]) -> list[Histogram]:
    """One of each column of a sample [N, C]."""
    bins = Bins.of(values, category)
    return [Histogram(*column) for column in zip(bins.edges, bins.count(values), strict=True)]
