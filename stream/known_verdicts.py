"""The verdicts that a worker has read, in the order of their topic; each partition takes those new to it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from stream.verdict import Verdict

MOST = 16_384  # for each partition of the verdicts topic


@dataclass(frozen=True, slots=True)
class Heard:
    """A verdict, and where in the verdicts topic it was."""

    partition: int
    offset: int
    verdict: Verdict


class KnownVerdicts:
    """The newest verdicts of each partition of their topic."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._logs: dict[int, deque[Heard]] = {}

    def hear(self, heard: Heard) -> None:
        """Add one; what was heard already, and comes again after a rebalance, changes nothing."""
        log = self._logs.setdefault(heard.partition, deque(maxlen=self._most))
        if not log or heard.offset > log[-1].offset:
            log.append(heard)

    def __len__(self) -> int:
        return sum(map(len, self._logs.values()))

    def has_news(self, known: Mapping[int, int]) -> bool:
        """Whether `since` gives any."""
        return any(log[-1].offset > known.get(partition, -1) for partition, log in self._logs.items())

    def since(self, known: Mapping[int, int]) -> list[Heard]:
        """Those after the offsets `known` of each partition of the verdicts topic, in the order of their offsets."""
        news: list[Heard] = []
        for partition, log in sorted(self._logs.items()):
            after = known.get(partition, -1)
            if log[-1].offset > after:
                news += [heard for heard in log if heard.offset > after]
        return news
