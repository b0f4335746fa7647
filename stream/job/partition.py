"""One source partition at work: its detector, and what it owes to Kafka before an offset may be released.

After each run, in this order: alerts and dead letters are acknowledged, one changelog batch is acknowledged, the
source offset is released. Scoring goes on meanwhile, until too much is unwritten.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from stream.alerts import Alert
from stream.decisions import Decisions
from stream.detector import Detector
from stream.drift_monitor import Shift
from stream.events import Decoder, Reject
from stream.job.sink import Acknowledgement, Sink
from stream.job.stages import Stages, Stopwatch
from stream.job.traces import Span, no_span
from stream.known_verdicts import KnownVerdicts
from stream.lineup import Lineup
from stream.notices import Notice, drifted
from stream.records import Record
from stream.trace_context import carried

LINGER = 1.0  # seconds: changes of this long go into one changelog batch, a busy entity's into one record,
QUIET = 0.1  # unless no run has come for so long
UNWRITTEN = 8192  # events whose state may be ahead of the changelog


@dataclass(frozen=True, slots=True)
class Due:
    """What must be acknowledged, in this order, before the offsets up to `upto` may be released."""

    upto: int
    owed: Sequence[Acknowledgement]
    records: Sequence[Record]


class Partition:
    """State and delivery of one partition; `on_run` from the agent, `flush` before giving it up.

    released:  source offset from which on nothing is done yet (what is committed)
    persisted: changelog offset up to which this state is that of the log, None before any
    latest:    the broker's time of the last record that was scored, seconds since 1970; None before any
    scored:    records since this worker has had the partition
    end:       where the source partition ended when this worker took it over; None before that is known
    """

    def __init__(
        self,
        detector: Detector,
        decoder: Decoder,
        sink: Sink,
        changelog: str,
        stages: Stages,
        watch: Stopwatch,
        fail: Callable[[BaseException], None],
        span: Span = no_span,
    ) -> None:
        self.detector = detector
        self.released: int | None = None
        self.persisted: int | None = None
        self.latest: float | None = None
        self.scored = 0
        self.end: int | None = None
        self._decoder, self._sink, self._changelog = decoder, sink, changelog
        self._stages, self._watch, self._fail = stages, watch, fail
        self._span = span
        self._owed: list[Acknowledgement] = []
        self._unwritten = 0
        self._told: Counter[str] = Counter()  # alerts held back, as counted so far
        self._open = True
        self._busy, self._writing = asyncio.Lock(), asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._much = asyncio.Event()  # is unwritten: the flusher need not linger

    async def on_run(self, records: Sequence[Any]) -> None:
        """Score a run of records; those at or before the state's offset have been scored already."""
        async with self._busy:
            if not self._open:
                return  # not released: it comes again, to whoever owns the partition then
            offset = np.fromiter((record.offset for record in records), np.int64, len(records))
            if self.released is None:
                self.released = int(offset[0])
            known = int(np.searchsorted(offset, self.detector.offset, side="right"))
            records, offset = records[known:], offset[known:]
            if len(records):
                with self._span(self.detector.source, records):
                    await self._on_fresh(records, offset)
            self._flush_later()  # also for what was scored before a restart, and perhaps not released then
        if self._unwritten >= UNWRITTEN:
            await self.flush()
        elif self._unwritten >= UNWRITTEN // 2:
            self._much.set()

    async def _on_fresh(self, records: Sequence[Any], offset: np.ndarray) -> None:
        decisions, rejects = self._score(records, offset)
        for reject in rejects:
            self._owed.append(
                await self._sink.dead_letter(reject, records[reject.index], self.detector.source)
            )
            self._stages.count("dead_letters", reject.reason)
        for shift in decisions.shifts:
            self._owed.append(await self._sink.notice(self._drifted(shift)))
        for alert in decisions.alerts:
            record = records[int(offset.searchsorted(alert.offset))]
            self._owed.append(await self._send(alert, record))
        self._count(len(records))
        self.latest = records[-1].timestamp / 1000
        self._unwritten += len(records)
        self.scored += len(records)

    def _drifted(self, shift: Shift) -> Notice:
        detector = self.detector
        self._stages.count("drifts", shift.name)
        return drifted(detector.profile.name, shift, detector.source, detector.scorer.digest)

    async def _send(self, alert: Alert, record: Any) -> Acknowledgement:
        """Send the alert for an event, and see how long after the event it is acknowledged."""
        sent = await self._sink.alert(alert, carried(record.headers))
        sent.add_done_callback(partial(self._acknowledged, record.timestamp / 1000))
        self._stages.count("alerts", alert.severity)
        return sent

    def _acknowledged(self, since: float, sent: Acknowledgement) -> None:
        if not sent.cancelled() and sent.exception() is None:
            self._stages.latency.add(max(0.0, time.time() - since))

    def _score(self, records: Sequence[Any], offset: np.ndarray) -> tuple[Decisions, tuple[Reject, ...]]:
        self._watch.start()
        batch, rejects = self._decoder.decode(
            [record.key for record in records],
            [record.value for record in records],
            offset,
            [len(record.headers) for record in records],
        )
        self._watch.lap("decode")
        return self.detector.on_batch(batch, int(offset[-1])), rejects

    def _flush_later(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        """Flush until nothing is unwritten: a run may come while an earlier flush awaits its acknowledgement."""
        try:
            while True:
                await self._linger()
                await self.flush()
                if not self._unwritten:
                    return
        except Exception as error:
            self._fail(error)

    async def _linger(self) -> None:
        """Wait for more to write, as long as it comes and is not much."""
        for _ in range(round(LINGER / QUIET)):
            scored = self.scored
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._much.wait(), QUIET)
            if self._much.is_set() or self.scored == scored:
                break
        self._much.clear()

    def _count(self, events: int) -> None:
        stages, number, policy = self._stages, str(self.detector.source.partition), self.detector.policy
        stages.count("runs", number)
        stages.count("events", number, events)
        stages.batch.add(events)
        held_back = Counter(folded=policy.folded, over_budget=policy.over_budget, calmed=policy.calmed)
        for why, more in (held_back - self._told).items():
            stages.count("suppressed", why, more)
        self._told = held_back

    async def hear(self, known: KnownVerdicts) -> None:
        """Apply the verdicts that are new, between two runs of events.

        What was scored before them is written before they are applied, and that they are is written before anything
        is scored with them: after a crash they stand at the same offset, and scores are the same.
        """
        if not known.has_news(self.detector.feedback.heard):
            return
        async with self._writing, self._busy:
            if not self._open:
                return
            await self._write(self._due())
            outcomes = self.detector.on_verdicts(known.since(self.detector.feedback.heard))
            await self._write(self._due())
        for (verdict, outcome), number in outcomes.items():
            self._stages.count("verdicts", f"{verdict}/{outcome}", number)

    async def flush(self) -> None:
        """Write what is owed and release the offset that the state stands at."""
        async with self._writing:
            async with self._busy:
                due = self._due()
            await self._write(due)

    async def use(self, lineup: Lineup) -> None:
        """Go over to other models between two runs: the state says so before any event is scored by them."""
        async with self._writing, self._busy:
            if self._open:
                self.detector.use(lineup)
                await self._write(self._due())

    def _due(self) -> Due:
        """All that has not been written yet."""
        upto, owed, self._owed = self.detector.offset, self._owed, []
        self._watch.start()
        records, self._unwritten = self.detector.changes(), 0
        if records:
            self._watch.lap("changes")
        return Due(upto, owed, records)

    async def _write(self, due: Due) -> None:
        began = time.perf_counter()
        await asyncio.gather(*due.owed)
        if due.records:
            partition = self.detector.source.partition
            self.persisted = await self._sink.changelog(self._changelog, partition, due.records)
        self._stages.seconds["flush"].add(time.perf_counter() - began)
        if due.upto >= 0:
            self.released = due.upto + 1

    async def drain(self) -> None:
        """Finish: nothing runs any more when this returns, nor begins to until `reopen`."""
        self._open = False
        await self.flush()
        if self._flusher is not None:
            await self._flusher

    def reopen(self) -> None:
        """Go on with the state as it is: the partition stayed here."""
        self._open = True
