"""How often alerts are right, by the verdicts on them: per day on which they were given."""

from collections import Counter

from stream.days import day_of
from stream.known_verdicts import Heard
from stream.verdict import Outcome

MOST = 65_536  # verdicts kept, the newest


class Precision:
    """Verdicts on alerts; of several on one alert the last that was given counts. Those on mere events say nothing."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._given: dict[str, tuple[float, Outcome]] = {}

    def hear(self, heard: Heard) -> None:
        """Take one verdict, in the place of an earlier one on the same alert."""
        verdict = heard.verdict
        if verdict.on_event:
            return
        before = self._given.get(verdict.subject)
        if before is not None and before[0] > verdict.at:
            return
        self._given.pop(verdict.subject, None)
        self._given[verdict.subject] = verdict.at, verdict.verdict
        if len(self._given) > self._most:
            del self._given[next(iter(self._given))]

    def since(self, moment: float) -> float | None:
        """The share that was confirmed of those given from `moment` (seconds since 1970) on; None: there are none."""
        counted = Counter(verdict for at, verdict in list(self._given.values()) if at >= moment)
        return counted["confirmed"] / counted.total() if counted else None

    def by_day(self) -> dict[str, Counter[str]]:
        """How many were confirmed and dismissed, by day (2026-01-31, UTC)."""
        days: dict[str, Counter[str]] = {}
        for at, verdict in sorted(self._given.values()):
            days.setdefault(day_of(at), Counter())[verdict] += 1
        return days
