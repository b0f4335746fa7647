"""What a worker has done and where its time went: counts, and seconds by stage of the event path.

Written in the event loop by every run of events, read by the metrics from another thread: nothing here is locked, as
each number is changed by one thread only, and a reader may be one run late.
"""

from collections import Counter, defaultdict
from time import perf_counter, process_time

from stream.job.histogram import EVENTS, LATENCY, SECONDS, Histogram


class Stopwatch:
    """One partition's: `start`, and `lap` after each stage."""

    def __init__(self, stages: "Stages") -> None:
        self._stages = stages
        self._last = 0.0

    def start(self) -> None:
        """A run begins."""
        self._stages.begin()
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """A stage of it ends."""
        now = perf_counter()
        self._stages.seconds[stage].add(now - self._last)
        self._last = self._stages.latest = now


class Stages:
    """What all partitions of a worker did, and the seconds that it took by stage.

    done:    counts by (what, which one), as in ("events", "3"): of partition 3
    seconds: how long each stage of a run took
    batch:   events of a run
    latency: seconds from an event's time at the broker to the acknowledgement of its alert
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(SECONDS))
        self.batch, self.latency = Histogram(EVENTS), Histogram(LATENCY)
        self.done: Counter[tuple[str, str]] = Counter()
        self.latest = 0.0
        self._first: float | None = None
        self._cpu_at_first = 0.0

    def begin(self) -> None:
        """Note when the very first run began."""
        if self._first is None:
            self._first, self._cpu_at_first = perf_counter(), process_time()

    def count(self, what: str, which: str = "", number: int = 1) -> None:
        """Add to a count."""
        self.done[what, which] += number

    def counted(self, what: str) -> dict[str, int]:
        """The counts of one kind, by which one."""
        return {which: number for (kind, which), number in list(self.done.items()) if kind == what}

    def summary(self) -> dict[str, object]:
        """Counts, events a second from the first run to the last change written, wall microseconds an event by
        stage, and CPU microseconds an event of the whole process."""
        total = {
            what: sum(self.counted(what).values()) for what in ("runs", "events", "alerts", "dead_letters")
        }
        if self._first is None:
            return {**total}
        events = max(total["events"], 1)
        return {
            **total,
            "events_per_s": round(events / max(self.latest - self._first, 1e-9), 1),
            "cpu_us": round((process_time() - self._cpu_at_first) / events * 1e6, 2),
            "stages_us": {name: round(spent.sum / events * 1e6, 3) for name, spent in self.seconds.items()},
        }
