"""The demo's stream once more, through the same detector in this process: every event's score, not only the alerts'.

A worker's scores depend on nothing but its partition's records, so the two must be equal; the demo checks it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.alerts import Alert
from stream.epochs import EPOCH
from stream.events import Decoder, EventBatch
from stream.partitioner import partition_of
from stream.policy import Policy
from stream.profile import Profile
from stream.replay import Replay
from stream.sandbox.truth import NOWHERE, Outcome
from stream.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What the detector thought of the B events of a stream."""

    score: NDArray[np.float32]  # [B]
    p_value: NDArray[np.float64]  # [B]
    threshold: NDArray[np.float64]  # [B] p-value at or under which the budget let it leave; 0: none yet
    alerts: tuple[Alert, ...]
    outcome: Outcome

    @property
    def inside(self) -> NDArray[np.bool_]:
        """[B] whether it was strange enough to alert, had it not been folded or the budget been spent."""
        inside: NDArray[np.bool_] = self.p_value <= self.threshold
        return inside


def decoded(profile: Profile, records: Sequence[tuple[bytes, bytes]]) -> Iterator[EventBatch]:
    """Batches of EPOCH events, numbered from 0."""
    decoder = Decoder(profile)
    for start in range(0, len(records), EPOCH):
        keys, values = zip(*records[start : start + EPOCH], strict=True)
        yield decoder.decode(keys, values, np.arange(start, start + len(values)))[0]


def look_back(profile: Profile, scorer: Scorer, batches: Sequence[EventBatch], partitions: int) -> Hindsight:
    """Score the batches, in the order of their offsets, as a worker scores a topic of so many partitions."""
    replay = Replay(profile, scorer, partitions=partitions)
    scored = [replay.on_batch(batch) for batch in batches]
    score = np.concatenate([part.score for part in scored])
    p_value = np.concatenate([part.p_value for part in scored])
    alerts = tuple(alert for part in scored for _, alert in part.alerts)
    alert = np.zeros(len(score), bool)
    for part in scored:
        alert[part.position[[row for row, _ in part.alerts]]] = True
    entity = [name for batch in batches for name in batch.entity]
    time = np.concatenate([batch.time for batch in batches])
    threshold = _thresholds(profile, score, time, entity, partitions)
    into = _folded(p_value <= threshold, alert, time, entity, profile.alerts.suppress)
    return Hindsight(score, p_value, threshold, alerts, Outcome(alert, into))


def _thresholds(
    profile: Profile,
    score: NDArray[np.float32],
    time: NDArray[np.float64],
    entity: Sequence[str],
    partitions: int,
) -> NDArray[np.float64]:
    """The budget's threshold at each event: what the policy said, asked again."""
    partition = np.array([partition_of(name.encode(), partitions) for name in entity])
    threshold = np.zeros(len(score))
    for number in range(partitions):
        rows = np.flatnonzero(partition == number)
        policy = Policy(profile.alerts, 1 / partitions)
        for start in range(0, len(rows), EPOCH):
            part = rows[start : start + EPOCH]
            judged = policy.on_batch(score[part], time[part], [entity[row] for row in part.tolist()])
            threshold[part] = judged.threshold
            policy.close_epoch()
    return threshold


def _folded(
    inside: NDArray[np.bool_],
    alert: NDArray[np.bool_],
    time: NDArray[np.float64],
    entity: Sequence[str],
    suppress: float,
) -> NDArray[np.int64]:
    """For each event the alert that it was folded into: its entity's latest, if that is recent enough."""
    into, latest = np.full(len(alert), NOWHERE), dict[str, int]()
    for event in np.flatnonzero(inside).tolist():
        earlier = latest.get(entity[event])
        if alert[event]:
            latest[entity[event]] = event
        elif earlier is not None and abs(time[event] - time[earlier]) < suppress:
            into[event] = earlier
    return into
