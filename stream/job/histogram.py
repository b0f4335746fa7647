"""Counts of values by size, cheap enough for the event path: a quarter of a microsecond a value."""

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 0.5, 2.5)  # of a stage
EVENTS = (1, 2, 4, 8, 16, 64, 256, 512, 1024, 2048, 8192, 65_536)  # of a run
LATENCY = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)  # seconds


class Histogram:
    """`counts[i]` values are at most `bounds[i]` and above the bound before; the last count has no bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Each bound as Prometheus writes it, and how many values are at or under it."""
        found: list[tuple[str, float]] = []
        counts, under = list(self.counts), 0
        for bound, count in zip((*map(str, map(float, self.bounds)), "+Inf"), counts, strict=True):
            under += count
            found.append((bound, under))
        return found
