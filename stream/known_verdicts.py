"""The verdicts that a worker has read, in the order of their topic; each partition takes those new to it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import takewhile
from typing import TypeAlias

from stream.verdict import Verdict

MOST = 16_384  # for each partition of the verdicts topic

Mark: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """A verdict, and where in the verdicts topic it was.

    mark: its offset and a digest of it. Where the topic was deleted and made again, another verdict has the offset.
    """

    partition: int
    offset: int
    verdict: Verdict
    mark: Mark = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        told = self.verdict.subject, self.verdict.verdict, self.verdict.by, self.verdict.at
        object.__setattr__(
            self, "mark", (self.offset, blake2b(repr(told).encode(), digest_size=8).hexdigest())
        )


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

    def has_news(self, known: Mapping[int, Mark]) -> bool:
        """Whether `since` gives any."""
        return any(log[-1].mark != known.get(partition) for partition, log in self._logs.items())

    def since(self, known: Mapping[int, Mark]) -> list[Heard]:
        """Those after the ones `known` of each partition of the verdicts topic, in the order of their offsets.

        All of them where that one is not there: it is older than all, or was in a topic that is no more. Applied once
        more, a verdict changes nothing.
        """
        news: list[Heard] = []
        for partition, log in sorted(self._logs.items()):
            news += _after(log, known.get(partition))
        return news


def _after(log: deque[Heard], mark: Mark | None) -> list[Heard]:
    later = takewhile(lambda heard: heard.mark != mark, reversed(log))
    return list(later)[::-1]
