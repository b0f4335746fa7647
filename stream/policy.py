"""From scores to alerts: calibrate, threshold, budget, suppress.

A score becomes a p-value against the partition's recent scores (`calibration`). An event is inside the
declared alert budget when p <= threshold:

- rule `p`: the threshold is that p;
- rule `per_day`: the threshold is the share of events that the budget allows, per_day / events a day at the
  pace seen in event time, at most 5 %. Until the reference is long enough to tell such a small p-value the
  threshold is the smallest that it can tell, 1 / (n + 1): only events stranger than everything before. Of
  those there are about ln(n / 512) among n events, so a new stream alerts from its second epoch on and yet
  spends only a few alerts while it is learning. A token bucket (`budget`) keeps floods inside the budget.

Repeats of an entity fold into its latest alert (`suppression`) and cost no budget; events like alerts that were
dismissed need to be stranger by as much as such alerts are rarely right (`calm`).

The reference is frozen within an epoch (512 offsets of the partition) and grows in `close_epoch`, so where
batches begin and end changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stream.budget import Budget
from stream.calibration import Calibration, Chunk
from stream.errors import StateError
from stream.open_epoch import OpenEpoch
from stream.profile import AlertRule
from stream.records import Record
from stream.suppression import Episode, Related, Suppression

SEVERITIES = ("medium", "high", "critical")
SEVERITY_STEP = 4.0  # each is for p-values so much smaller than the one before
LARGEST_SHARE = 0.05  # of all events, however large the budget
MOVED = 0.15  # Kolmogorov-Smirnov distance of scores that are not those of the reference any more

_CHUNK, _PENDING, _EPISODE, _BUDGET = b"pc", b"pp", b"pe", b"pb"


Precision: TypeAlias = Callable[[NDArray[np.intp]], NDArray[np.float64]]


def certain(events: NDArray[np.intp]) -> NDArray[np.float64]:
    """The precision of alerts that nobody has judged."""
    return np.ones(len(events))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the policy says of B events."""

    p_value: NDArray[np.float64]  # [B]
    threshold: float  # p-value at or under which an event is inside the alert budget; 0: warming up
    alert: NDArray[np.bool_]  # [B] an alert leaves for this event
    severity: tuple[str, ...]  # for the alerting events, in order
    related: tuple[Related, ...]  # for the alerting events: what was folded since the entity's previous alert


class Policy:
    """One partition's running calibration, budget and suppression.

    `share`: this partition's part of the daily budget, 1 / partitions. `alerts`, `folded`, `over_budget` and `calmed`
    count since the start, for metrics; they are not part of the state.
    """

    prefix = b"p"  # of all its changelog keys

    def __init__(self, rule: AlertRule, share: float) -> None:
        self._fixed = rule.p
        self._per_day = (rule.per_day or 0.0) * share
        self._calibration = Calibration()
        self._budget = Budget(self._per_day)
        self._suppression = Suppression(rule.suppress)
        self._open = OpenEpoch()
        self._chunks: list[tuple[int, Chunk]] = []
        self._dropped: list[tuple[int, int]] = []  # level and slot of chunks that no longer count
        self._changed = self._asked = False  # the open epoch; the budget
        self._threshold: tuple[float, int] | None = None  # and calibration levels; None: to be worked out
        self.alerts = self.folded = self.over_budget = self.calmed = 0

    def on_batch(
        self,
        score: NDArray[np.float32],
        time: NDArray[np.float64],
        entity: Sequence[str],
        precision: Precision = certain,
    ) -> Judgement:
        """Judge events of one epoch: score [B] in [0, 1], time [B] in seconds since 1970, entity [B].

        precision: that of alerts like those on some events [K], above 0 and at most 1; the threshold shrinks by it
        """
        threshold, depth = self._thresholds()
        p_value = self._calibration.p_value(score, depth)
        self._open.add(score, time)
        self._changed |= len(score) > 0
        alert = np.zeros(len(score), bool)
        severity: list[str] = []
        related: list[Related] = []
        for index in self._strange(p_value, threshold, precision):
            rank = _rank(p_value[index], threshold)
            folded = self._admit(entity[index], float(time[index]), rank)
            if folded is not None:
                alert[index] = True
                severity.append(SEVERITIES[rank])
                related.append(folded)
        return Judgement(p_value, threshold, alert, tuple(severity), tuple(related))

    @property
    def budget_use(self) -> float | None:
        """Alerts of the last day of event time as a share of the budget; None where there is none."""
        return self._budget.use(self._calibration.at) if self._fixed is None else None

    def _strange(self, p_value: NDArray[np.float64], threshold: float, precision: Precision) -> list[int]:
        """The events inside the budget, less those like dismissed alerts."""
        within = np.flatnonzero(p_value <= threshold)
        if not len(within):
            return []
        kept = within[p_value[within] <= threshold * precision(within)]
        self.calmed += len(within) - len(kept)
        found: list[int] = kept.tolist()
        return found

    def relabel(self) -> None:
        """So many verdicts came that all scores may be others from here on."""
        self._open.relabel()
        self._changed = True

    def close_epoch(self) -> bool:
        """What is open joins the reference, and episodes that are over are forgotten.

        Where labels have moved the scores, p-values against those of before would be wrong for as long as these are
        remembered: a new reference begins with what came since, and the answer is true.
        """
        if not len(self._open):
            return False
        scored, fresh = self._open.close()
        moved = fresh is not None and self._calibration.distance(fresh["score"]) > MOVED
        if fresh is not None and moved:
            scored = fresh
            self._refer_to(Calibration())
        added = self._calibration.add(scored["score"], scored["time"])
        self._chunks += added
        self._suppression.forget(added[0][1].at)
        self._threshold = None
        self._changed = True
        return moved

    def adopt(self, other: "Policy | None") -> None:
        """Judge another model's scores from here on: by the reference that `other` made of them, or by a new one.

        Budget and episodes go on: they are about the alerts that left.
        """
        self._refer_to(other._calibration if other else Calibration())
        self._open = OpenEpoch(other._open.pack()) if other else OpenEpoch()
        self._threshold = None
        self._changed = True

    def _refer_to(self, calibration: Calibration) -> None:
        before, self._calibration = self._calibration.chunks, calibration
        self._chunks = calibration.chunks
        kept = {(level, chunk.slot) for level, chunk in self._chunks}
        self._dropped += [(level, chunk.slot) for level, chunk in before if (level, chunk.slot) not in kept]

    def changes(self) -> list[Record]:
        """Records that bring another Policy to this state, as far as they changed since the last call."""
        records: list[Record] = [(_CHUNK + bytes([level, slot]), None) for level, slot in self._dropped]
        records += [(_CHUNK + bytes([level, chunk.slot]), chunk.pack()) for level, chunk in self._chunks]
        self._chunks, self._dropped = [], []
        if self._changed:
            records.append((_PENDING, self._open.pack()))
        if self._asked:
            records.append((_BUDGET, self._budget.pack()))
        self._changed = self._asked = False
        for entity, episode in self._suppression.changes():
            records.append((_EPISODE + entity.encode(), episode.pack() if episode else None))
        return records

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take back one record of `changes`; those of one key oldest first. Raises StateError."""
        kind, rest = key[:2], key[2:]
        self._threshold = None
        if kind == _EPISODE:
            self._suppression.restore(rest.decode(), Episode.unpack(value) if value is not None else None)
        elif kind == _CHUNK and len(rest) == 2:
            if value is None:
                self._calibration.drop(*rest)
            else:
                self._calibration.restore(rest[0], Chunk.unpack(value))
        elif key == _PENDING:
            self._open = OpenEpoch(value or b"")  # none of a trial that is over
        elif key == _BUDGET:
            self._restore_budget(value)
        else:
            raise StateError(
                f"policy record in the changelog with key {key[:16]!r}: expected one that begins with pb, pc, pe or "
                "pp; another release of onsight wrote it: run that one, or start afresh with another application_id"
            )

    def _restore_budget(self, value: bytes | None) -> None:
        self._budget = Budget(self._per_day)
        if value is not None:
            self._budget.restore(value)

    def _thresholds(self) -> tuple[float, int]:
        """The p-value that is inside the budget, and how many levels of calibration it takes to tell."""
        if self._threshold is None:
            wanted = self._fixed if self._fixed is not None else self._budgeted()
            depth = self._calibration.depth(wanted / SEVERITY_STEP ** (len(SEVERITIES) - 1))
            smallest = self._calibration.smallest(depth)
            usable = wanted if self._fixed is not None else max(wanted, smallest)
            self._threshold = (usable if depth else 0.0, depth)
        return self._threshold

    def _budgeted(self) -> float:
        """The share of all events that the budget allows; 0 while the pace is not known."""
        share = self._per_day / self._calibration.events_per_day()
        return min(share, LARGEST_SHARE) if share == share else 0.0

    def _admit(self, entity: str, time: float, rank: int) -> Related | None:
        """What to say of earlier repeats if the alert may leave; None: it was folded or is over budget."""
        if self._suppression.folds(entity, time, rank):
            self.folded += 1
            return None
        if self._fixed is None:
            self._asked = True
            if not self._budget.take(time):
                self.over_budget += 1
                return None
        self.alerts += 1
        return self._suppression.open(entity, time, rank)


def _rank(p_value: float, threshold: float) -> int:
    """Index into SEVERITIES."""
    return sum(p_value <= threshold / SEVERITY_STEP**rank for rank in range(1, len(SEVERITIES)))
