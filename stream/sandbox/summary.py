"""What the demo has to tell at its end: what was caught, what was not and why, and what others would have caught."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream.sandbox.cards import KINDS
from stream.sandbox.hindsight import Hindsight
from stream.sandbox.truth import NOWHERE, Case, Outcome


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fraud: how many there were, how many were caught, and why the others were not."""

    kind: str
    cases: int
    events: int
    caught: int
    missed: dict[str, int]  # why, in words -> cases


@dataclass(frozen=True, slots=True)
class Score:
    """What a method did with as many alerts."""

    method: str
    caught: int
    by_kind: dict[str, int]
    alerts: int
    false_alerts: int


@dataclass(frozen=True, slots=True)
class Review:
    """What the alerts were worth."""

    alerts_per_day: float | None  # the budget
    differing: int  # alerts that the same detector does not give in this process; by design none
    kinds: tuple[Kind, ...]
    methods: tuple[Score, ...]  # onsight first


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that `onsight demo --json` prints."""

    seed: int
    cards: int
    days: float
    events: int
    seconds: float  # from the first event's sending to the last one's score
    latency_ms: tuple[float, float] | None  # median and 99th percentile of the alerts, from produce to append
    review: Review


def by_kind(planted: Sequence[Case], seen: Hindsight) -> tuple[Kind, ...]:
    """One line for each kind of fraud."""
    lines = []
    for kind in KINDS[1:]:
        these = [case for case in planted if case.kind == kind]
        missed = [case for case in these if not seen.outcome.catches(case)]
        events = sum(len(case.events) for case in these)
        lines.append(Kind(kind, len(these), events, len(these) - len(missed), reasons(missed, seen)))
    return tuple(lines)


def reasons(missed: Sequence[Case], seen: Hindsight) -> dict[str, int]:
    """Why cases were missed, in words, the most frequent first."""
    folded, spent, below = Counter[str](), 0, []
    for case in missed:
        inside = case.events[seen.inside[case.events]]
        if not len(inside):
            below.append(_nearest(case, seen))
        elif (seen.outcome.into[inside] != NOWHERE).any():
            folded["folded into an earlier alert of the card"] += 1
        else:
            spent += 1
    found = dict(folded)
    if spent:
        found["strange enough, but the budget was spent"] = spent
    if below:
        p_value, threshold = np.median(below, axis=0)
        found[f"score below the budget's threshold (p {p_value:.2g} against {threshold:.2g})"] = len(below)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _nearest(case: Case, seen: Hindsight) -> tuple[float, float]:
    """p-value and threshold of the case's event that came nearest to an alert."""
    event = case.events[np.argmin(seen.p_value[case.events] / np.maximum(seen.threshold[case.events], 1e-9))]
    return float(seen.p_value[event]), float(seen.threshold[event])


def score(method: str, planted: Sequence[Case], outcome: Outcome) -> Score:
    """How a method did."""
    caught = Counter(case.kind for case in planted if outcome.catches(case))
    kinds = {kind: caught[kind] for kind in KINDS[1:]}
    false_alerts = outcome.alerts - outcome.true_alerts(planted)
    return Score(method, caught.total(), kinds, outcome.alerts, false_alerts)
