"""The worker as seen from another thread: whether its event loop turns, its partitions move, and it may be used.

Two tasks in the event loop write it, `beat` from the start and `look` after the first recovery; the health thread
reads it.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.job.lag import Lags, Place

if TYPE_CHECKING:
    from stream.job.app import Job

BEAT = 0.5  # seconds
REMEMBERED = 60  # beats: the worst lateness of half a minute is told
LOOK = 2.0  # seconds between looks at the partitions
PATIENCE = 10.0  # seconds that the brokers have to say where a partition ends
DRAIN_SECONDS = 30.0  # to stop in
REBALANCE_SECONDS = 60.0  # that the brokers may wait for the group's other members


class Pulse:
    """What one worker's event loop tells of itself; `job` holds the app, the partitions and the router."""

    def __init__(self, job: "Job", stall_seconds: float) -> None:
        self.lags = Lags()
        self.stopping_at: float | None = None
        self._job, self._stall = job, stall_seconds
        self._beat_at: float | None = None
        self._late: deque[float] = deque([0.0], maxlen=REMEMBERED)
        self._left = self._most = 0  # changelog records to read back: now, and when there were most
        self._nearer_at, self._way = time.monotonic(), (-1, -1)  # when it last came nearer to being ready

    async def beat(self) -> None:
        """Note that the event loop turns, and how late it does."""
        while True:
            self._beat_at = due = time.monotonic()
            self._look_at_recovery()
            await asyncio.sleep(BEAT)
            self._late.append(max(0.0, time.monotonic() - due - BEAT))

    def _look_at_recovery(self) -> None:
        tables = self._job.app.tables
        if tables.started:
            self._left = sum(max(0, left) for left in tables.recovery.active_remaining().values())
        self._most = 0 if self.ready else max(self._most, self._left)
        way = (self._job.app.consumer_generation_id, self._left)
        if self.ready or way != self._way:
            self._nearer_at, self._way = time.monotonic(), way

    async def look(self) -> None:
        """Look at every partition again and again."""
        while True:
            try:
                ends = await asyncio.wait_for(self._ends(), PATIENCE)
            except (KafkaError, TimeoutError):
                ends = {}  # what was known of the ends stays, and what does not move is seen all the same
            places = {tp: self._place(tp, *ends.get(tp, (None, None))) for tp in self._ours()}
            self.lags.look(
                {(tp.topic, tp.partition): p for tp, p in places.items()}, time.time(), time.monotonic()
            )
            await asyncio.sleep(LOOK)

    def _ours(self) -> list[TP]:
        """The source partitions that this worker serves."""
        topics = {self._job.topic, self._job.settings.input_topic}
        return [tp for tp in self._job.app.consumer.assignment() if tp.topic in topics]

    async def _ends(self) -> dict[TP, tuple[int, int]]:
        """Of each partition, the offset after its last record, and the one that is fetched next."""
        consumer, ours = self._job.app.consumer, self._ours()
        if not ours:
            return {}
        ends = await consumer.highwaters(*ours)
        return {tp: (ends[tp], await consumer.position(tp)) for tp in ours}

    def _place(self, tp: TP, end: int | None, position: int | None) -> Place:
        job = self._job
        if tp.topic == job.topic:
            partition = job.store.partitions.get(tp.partition)
            settled, latest = (partition.released, partition.latest) if partition else (None, None)
            state: object = (partition.detector.offset, partition.persisted) if partition else None
        else:
            settled, latest, state = job.router.released.get(tp.partition), None, None
        delivered = job.app.consumer.delivered.get(tp, -1)
        if delivered >= (settled or 0):  # something is read and not yet done
            position = settled if settled is not None else delivered
        moves = (settled, state, job.app.consumer_generation_id, job.app.rebalancing, self._left)
        return Place(end if position is not None else None, position or 0, latest, moves)

    @property
    def recovery_ratio(self) -> float:
        """How much of the state is read back: 1 once the worker is ready."""
        if self.ready:
            return 1.0
        return 1.0 - self._left / self._most if self._most else 0.0

    @property
    def ready(self) -> bool:
        """Whether the partitions are assigned and their state is read back."""
        return not self.not_ready()

    def not_ready(self) -> list[str]:
        """Why the worker does not score yet, or no more."""
        app = self._job.app
        if not app.tables.started:
            return ["the worker starts"]
        reasons = []
        if not app.tables.recovery.completed.is_set():
            reasons.append("the state is not read back yet")
        elif app.rebalancing:
            reasons.append("the group has not shared its partitions out yet")
        if app.should_stop:
            reasons.append("the worker stops")
        return reasons

    @property
    def loop_lag(self) -> float:
        """The worst lateness of the event loop in the last half minute, the present one included, in seconds."""
        return max(*self._late, self._silence() - BEAT, 0.0)

    def _silence(self) -> float:
        return 0.0 if self._beat_at is None else time.monotonic() - self._beat_at

    def stalled(self) -> list[str]:
        """Why the process should end: nothing for a worker that moves, has nothing to do, or stops in time."""
        now, app = time.monotonic(), self._job.app
        if app.should_stop:
            self.stopping_at = self.stopping_at or now
            asked = now - self.stopping_at
            return (
                [f"it was asked to stop {asked:.0f} s ago and still runs"] if asked >= DRAIN_SECONDS else []
            )
        if self._silence() >= self._stall:
            return [f"the event loop has not turned for {self._silence():.0f} s"]
        allowed = self._stall + (0.0 if self.ready else REBALANCE_SECONDS)
        if self._beat_at is not None and now - self._nearer_at >= allowed:
            return [f"{reason}, for {now - self._nearer_at:.0f} s" for reason in self.not_ready()]
        return self.lags.stuck(now, allowed)
