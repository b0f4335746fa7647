"""What a worker tells beside its alerts, as it comes: models that were refused, and what trials have shown."""

import asyncio
from typing import TYPE_CHECKING, Any

from stream.trial_report import report

if TYPE_CHECKING:
    from stream.job.app import Job
    from stream.job.partition import Partition

EVERY = 1.0  # seconds


class Telling:
    """Refusals go to the alerts topic; each partition's trial is one record of a compacted topic of the application."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        name = f"{job.settings.application_id}-trials"
        self._trials = job.app.topic(name, partitions=1, internal=True, compacting=True)
        self._told: dict[int, object] = {}

    async def run(self) -> None:
        """Look for news until the worker stops."""
        await self._job.start_sink()
        while not self._job.app.should_stop:
            try:
                await self._tell_refusals()
                await self._tell_trials()
            except Exception as error:
                # Faust would end the task and say nothing.
                self._job.fail(error)
            await asyncio.sleep(EVERY)

    async def _tell_refusals(self) -> None:
        refusals = self._job.models.feed.refusals
        while refusals:
            await (await self._job.sink.notice(refusals[0]))
            refusals.popleft()

    async def _tell_trials(self) -> None:
        for number, partition in self._job.served():
            if news := self._news(number, partition):
                await self._trials.maybe_declare()
                await (await self._job.sink.trial(self._trials.get_topic_name(), number, news))

    def _news(self, number: int, partition: "Partition") -> bytes | None:
        """The report on a partition's trial, where there is one that went on since it was told."""
        chosen, shadow = partition.detector.chosen, partition.detector.shadow
        trial: Any = chosen.digests, shadow.events
        if (
            chosen.digests is None
            or not chosen.digests[1]
            or not shadow.events
            or self._told.get(number) == trial
        ):
            return None
        self._told[number] = trial
        return report(shadow, chosen.digests, partition.detector.source, chosen.shadow_since)
