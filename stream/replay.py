"""The detector over a file's events, without Kafka: what is measured offline is what runs.

A file replays like the topic of N partitions that `onsight produce` fills with it: an event goes to the partition that
Kafka's default partitioner gives its entity, its offset is the number of events that went there before, and records
that can't be read take no offset, since `onsight produce` leaves them out. Scores and alerts are then the worker's, if
the file is in the order of event time (`onsight produce` sorts, a replay keeps the file's order).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from stream.alerts import Alert, Source
from stream.detector import Decisions, Detector, nothing
from stream.events import EventBatch, Reject
from stream.partitioner import partition_of
from stream.profile import Profile
from stream.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Scored:
    """B events with what became of them, in the file's order."""

    position: NDArray[np.int64]  # [B], place in the file from 0
    entity: Sequence[str]  # [B]
    time: NDArray[np.float64]  # [B], seconds since 1970 UTC
    score: NDArray[np.float32]  # [B]
    p_value: NDArray[np.float64]  # [B]
    alerts: tuple[tuple[int, Alert], ...]  # (row of this batch, alert), by row

    def __len__(self) -> int:
        return len(self.position)


class Replay:
    """One detector a partition, fed with batches whose offsets are positions in a file.

    topic:  the source that alerts name, and a part of their ids
    events, alerts, rejects: how many there were so far, the rejects by reason
    """

    def __init__(
        self,
        profile: Profile,
        scorer: Scorer,
        *,
        topic: str = "replay",
        partitions: int = 1,
        max_keys: int = 100_000,
        lap: Callable[[str], None] = nothing,
    ) -> None:
        self.detectors = tuple(
            Detector(
                profile, scorer, Source(topic, number), share=1.0 / partitions, max_keys=max_keys, lap=lap
            )
            for number in range(partitions)
        )
        self.events = self.alerts = 0
        self.rejects: Counter[str] = Counter()

    @property
    def keys(self) -> int:
        """Entities remembered now, over all partitions."""
        return sum(len(detector.windows) for detector in self.detectors)

    def on_batch(self, batch: EventBatch, rejects: Sequence[Reject] = ()) -> Scored:
        """Score the next events of the file; the rejects among them are counted only."""
        score, p_value = np.empty(len(batch), np.float32), np.empty(len(batch))
        alerts: list[tuple[int, Alert]] = []
        for detector, rows in zip(self.detectors, self._partitioned(batch), strict=True):
            if not len(rows):
                continue
            first = detector.offset + 1
            decisions = _step(detector, batch if len(rows) == len(batch) else batch.take(rows))
            score[rows], p_value[rows] = decisions.score, decisions.p_value
            alerts += [(int(rows[alert.offset - first]), alert) for alert in decisions.alerts]
        alerts.sort(key=itemgetter(0))
        self.events += len(batch)
        self.alerts += len(alerts)
        self.rejects.update(reject.reason for reject in rejects)
        return Scored(batch.offset, batch.entity, batch.time, score, p_value, tuple(alerts))

    def _partitioned(self, batch: EventBatch) -> list[NDArray[np.intp]]:
        """Of each partition the rows of the events that go there."""
        count = len(self.detectors)
        if count == 1:
            return [np.arange(len(batch))]
        partition = np.array([partition_of(entity.encode(), count) for entity in batch.entity], np.int64)
        return [np.flatnonzero(partition == number) for number in range(count)]


def _step(detector: Detector, batch: EventBatch) -> Decisions:
    """Give a detector its next events, numbered on from the last."""
    offset = np.arange(detector.offset + 1, detector.offset + 1 + len(batch))
    return detector.on_batch(replace(batch, offset=offset), int(offset[-1]))
