"""Where a worker's time goes: seconds by stage of the event path, and what has been done so far."""

from collections import Counter, defaultdict
from time import perf_counter, process_time


class Stages:
    """A stopwatch with laps. `start` a run, `lap` after each stage, `count` what came of it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.done: Counter[str] = Counter()
        self._first = self._last = 0.0
        self._cpu_at_first: float | None = None

    def start(self) -> None:
        if self._cpu_at_first is None:
            self._cpu_at_first = process_time()
            self._first = perf_counter()
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now

    def count(self, what: str, number: int = 1) -> None:
        self.done[what] += number

    def summary(self) -> dict[str, object]:
        """Counts, events a second from the first run to the last change written, wall microseconds an event by
        stage, and CPU microseconds an event of the whole process."""
        events = max(self.done["events"], 1)
        spent = process_time() - (self._cpu_at_first or process_time())
        return {
            **self.done,
            "events_per_s": round(self.done["events"] / max(self._last - self._first, 1e-9), 1),
            "cpu_us": round(spent / events * 1e6, 2),
            "stages_us": {name: round(value / events * 1e6, 3) for name, value in self.seconds.items()},
        }
