"""The detector over a file's events, without Kafka: what is measured offline is what runs.

A file replays like the topic of N partitions that `onsight produce` fills with it: an event goes to the partition that
Kafka's default partitioner gives its entity, its offset is the number of events that went there before, and records
that can't be read take no offset, since `onsight produce` leaves them out. Scores and alerts are then the worker's, if
the file is in the order of event time (`onsight produce` sorts, a replay keeps the file's order).

Verdicts are applied in event time: before the first event that is not earlier than they are.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter

import numpy as np
from numpy.typing import NDArray

from stream.alerts import Alert, Source
from stream.decisions import Decisions
from stream.detector import Detector, nothing
from stream.events import EventBatch, Reject
from stream.known_verdicts import Heard
from stream.partitioner import partition_of
from stream.profile import Profile
from stream.scorer import Scorer
from stream.verdict import Verdict


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

    topic:    the source that alerts name, and a part of their ids
    verdicts: those to come
    events, alerts, rejects, outcomes: how many there were so far, the rejects by reason, and what became of verdicts,
    by verdict and outcome
    """

    def __init__(
        self,
        profile: Profile,
        scorer: Scorer,
        *,
        topic: str = "replay",
        partitions: int = 1,
        max_keys: int = 100_000,
        verdicts: Iterable[Verdict] = (),
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
        self.outcomes: Counter[tuple[str, str]] = Counter()
        in_order = sorted(verdicts, key=attrgetter("at"))
        self._to_come = deque(Heard(0, number, verdict) for number, verdict in enumerate(in_order))
        self._clock = -np.inf  # the latest event time so far

    @property
    def keys(self) -> int:
        """Entities remembered now, over all partitions."""
        return sum(len(detector.windows) for detector in self.detectors)

    def on_batch(self, batch: EventBatch, rejects: Sequence[Reject] = ()) -> Scored:
        """Score the next events of the file; the rejects among them are counted only."""
        score, p_value = np.empty(len(batch), np.float32), np.empty(len(batch))
        alerts: list[tuple[int, Alert]] = []
        for start, stop in self._between_verdicts(batch):
            part = batch if stop - start == len(batch) else batch.part(start, stop)
            for detector, rows in zip(self.detectors, self._partitioned(part), strict=True):
                if not len(rows):
                    continue
                first = detector.offset + 1
                decisions = _step(detector, part if len(rows) == len(part) else part.take(rows))
                rows += start
                score[rows], p_value[rows] = decisions.score, decisions.p_value
                alerts += [(int(rows[alert.offset - first]), alert) for alert in decisions.alerts]
        alerts.sort(key=itemgetter(0))
        self.events += len(batch)
        self.alerts += len(alerts)
        self.rejects.update(reject.reason for reject in rejects)
        return Scored(batch.offset, batch.entity, batch.time, score, p_value, tuple(alerts))

    def _between_verdicts(self, batch: EventBatch) -> Iterator[tuple[int, int]]:
        """Parts of a batch (from, up to) before which the verdicts that are due have been applied."""
        clock = np.maximum.accumulate(np.append(self._clock, batch.time))[1:]
        start = 0
        while start < len(batch):
            news = []
            while self._to_come and self._to_come[0].verdict.at <= clock[start]:
                news.append(self._to_come.popleft())
            if news:
                for detector in self.detectors:
                    self.outcomes += detector.on_verdicts(news)
            stop = int(clock.searchsorted(self._to_come[0].verdict.at)) if self._to_come else len(batch)
            yield start, stop
            start = stop
        self._clock = float(clock[-1]) if len(batch) else self._clock

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
