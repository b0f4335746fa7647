"""Verdicts on their way from the topic to the partitions: what a worker has heard, and applying what is new."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from stream.job.verdicts import read_verdicts
from stream.known_verdicts import KnownVerdicts
from stream.precision import Precision

if TYPE_CHECKING:
    from stream.job.app import Job

EVERY = 0.1  # seconds between looks: applying some costs a partition two writes


class VerdictFeed:
    """Reads the verdicts topic from the start of the app on.

    known:     the verdicts that partitions may still have to apply
    precision: how often alerts were right, by all of them
    """

    def __init__(self, job: "Job") -> None:
        self._job = job
        self.known, self.precision = KnownVerdicts(), Precision()
        ears, bad = (self.known.hear, self.precision.hear), partial(job.stages.count, "bad_verdicts")
        read_verdicts(job.app, job.settings.verdicts_topic, ears, bad, job.fail)

    async def run(self) -> None:
        """Look for verdicts to apply until the worker stops."""
        job = self._job
        await job.start_sink()
        while not job.app.should_stop:
            await asyncio.sleep(EVERY)
            if job.pulse.ready:
                try:
                    await self._apply()
                except Exception as error:
                    # Faust would end the task and say nothing.
                    job.fail(error)

    async def _apply(self) -> None:
        """Have every partition that this worker serves apply the verdicts that it does not know yet."""
        await asyncio.gather(*(partition.hear(self.known) for _, partition in self._job.served()))
