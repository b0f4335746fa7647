"""Where a worker's time goes: seconds by stage of the event path, and what has been done so far."""

from collections import Counter, defaultdict
from time import perf_counter, process_time


class Stopwatch:
    """One partition's: `start`, and `lap` after each stage."""

    def __init__(self, stages: "Stages") -> None:
        self._stages = stages
        self._last = 0.0

    def start(self) -> None:
        self._stages.begin()
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self._stages.seconds[stage] += now - self._last
        self._last = self._stages.latest = now


class Stages:
    """What all partitions of a worker did, and the seconds that it took by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.done: Counter[str] = Counter()
        self.latest = 0.0
        self._first: float | None = None
        self._cpu_at_first = 0.0

    def begin(self) -> None:
        if self._first is None:
            self._first, self._cpu_at_first = perf_counter(), process_time()

    def count(self, what: str, number: int = 1) -> None:
        self.done[what] += number

    def summary(self) -> dict[str, object]:
        """Counts, events a second from the first run to the last change written, wall microseconds an event by
        stage, and CPU microseconds an event of the whole process."""
        events = max(self.done["events"], 1)
        if self._first is None:
            return {**self.done}
        return {
            **self.done,
            "events_per_s": round(self.done["events"] / max(self.latest - self._first, 1e-9), 1),
            "cpu_us": round((process_time() - self._cpu_at_first) / events * 1e6, 2),
            "stages_us": {name: round(value / events * 1e6, 3) for name, value in self.seconds.items()},
        }
