"""How much the verdicts on one value (a terminal, an address) still count at a later moment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FAINT = 0.1  # of what they would count; not 0, so that such a value stays ahead of those without any verdict


@dataclass(frozen=True, slots=True)
class Fading:
    """Each verdict counts 1 when it is given and nothing `seconds` later, evenly less between.

    least: fewer are faint
    lasts: seconds after which a series is faint, from its first verdict on; a pause of `seconds` begins another
    """

    seconds: float
    least: int = 1
    lasts: float = math.inf

    def count(self, given: Sequence[float], now: float) -> int:
        """How many of the verdicts given at these moments have not faded at `now`."""
        return len(self._weights(given, now))

    def sum(self, given: Sequence[float], now: float) -> float:
        """What the verdicts given at these moments (seconds, in any order) count together at `now`."""
        weights = self._weights(given, now)
        if not weights:
            return 0.0
        few, over = len(weights) < self.least, self._is_over(given, now)
        return sum(weights) * FAINT ** (few + over)

    def _weights(self, given: Sequence[float], now: float) -> list[float]:
        """Above 0; a verdict that was given after the event is as fresh as can be."""
        weights = (1.0 - max(0.0, now - at) / self.seconds for at in given)
        return [weight for weight in weights if weight > 0]

    def _is_over(self, given: Sequence[float], now: float) -> bool:
        """Whether the series that goes on at `now` began too long ago."""
        if self.lasts == math.inf:
            return False
        began = now
        for at in sorted(given, reverse=True):
            if began - at >= self.seconds:
                break
            began = min(began, at)
        return now - began > self.lasts
