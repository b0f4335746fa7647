"""The planted frauds of a stream, and which of them a method caught.

A case is one fraud on one card. It is caught when one of its events alerts, or folds into an alert that its card
gave since the case began. An alert that is neither on a fraud's event nor holds one folded into it is false.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.sandbox.cards import KINDS, Stream

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Case:
    """One fraud on one card; `events` are positions in the stream, in order."""

    kind: str
    events: NDArray[np.int64]


def cases(stream: Stream) -> tuple[Case, ...]:
    """All planted cases, by their first event."""
    events: dict[tuple[int, int], list[int]] = {}
    for position in np.flatnonzero(stream.fraud).tolist():
        key = (int(stream.incident[position]), int(stream.purchases["card"][position]))
        events.setdefault(key, []).append(position)
    return tuple(Case(KINDS[stream.fraud[each[0]]], np.array(each)) for each in events.values())


@dataclass(frozen=True)
class Outcome:
    """What a method made of the B events of a stream."""

    alert: NDArray[np.bool_]  # [B] an alert left for this event
    into: NDArray[np.int64]  # [B] position of the alert that this event was folded into, else NOWHERE

    def catches(self, case: Case) -> bool:
        """Whether an alert left on the case, or held one of its events after it began."""
        return bool(self.alert[case.events].any() or (self.into[case.events] >= case.events[0]).any())

    def true_alerts(self, planted: Sequence[Case]) -> int:
        """How many of the alerts belong to a planted case."""
        found: set[int] = set()
        for case in planted:
            found.update(case.events[self.alert[case.events]].tolist())
            into = self.into[case.events]
            found.update(into[into >= case.events[0]].tolist())
        return len(found)

    @cached_property
    def alerts(self) -> int:
        """How many alerts left."""
        return int(self.alert.sum())


def fold(
    order: NDArray[np.int64],
    card: NDArray[np.int64],
    time: NDArray[np.float64],
    alerts: int,
    suppress: float,
) -> Outcome:
    """Let the first events of `order` alert until there are so many alerts; repeats of a card fold.

    order: positions, the strangest first; card, time (seconds): [B]; suppress: seconds, to both sides.
    """
    alert, into = np.zeros(len(card), bool), np.full(len(card), NOWHERE)
    given: dict[int, list[int]] = {}
    left = alerts
    for event in order.tolist():
        earlier = given.setdefault(int(card[event]), [])
        near = next((other for other in earlier if abs(time[other] - time[event]) < suppress), None)
        if near is not None:
            into[event] = near
        elif left:
            alert[event] = True
            earlier.append(event)
            left -= 1
        else:
            break
    return Outcome(alert, into)
