"""Commits source offsets, each only once its alerts, its dead letters and its state have been acknowledged."""

import asyncio
from typing import TYPE_CHECKING

from faust.types import TP

if TYPE_CHECKING:
    from stream.job.app import Job

EVERY = 1.0  # seconds


class Commits:
    """What one worker has committed: `run` goes on with it, `commit` is for a partition that goes, and for the end."""

    def __init__(self, job: "Job") -> None:
        self._job = job
        self._committed: dict[TP, int] = {}

    async def run(self) -> None:
        """Commit again and again until the worker stops."""
        app = self._job.app
        while not app.should_stop:
            await asyncio.sleep(EVERY)
            if not app.rebalancing:
                await self.commit()

    async def commit(self) -> None:
        """Commit what the partitions and the router have released since the last time."""
        job = self._job
        offsets = {TP(job.settings.input_topic, number): at for number, at in job.router.released.items()}
        for number, partition in job.store.partitions.items():
            if partition.released is not None:
                offsets[TP(job.topic, number)] = partition.released
        # A standby's state stands at an offset too, but is not ours to commit.
        ours = job.app.consumer.assignment()
        fresh = {tp: at for tp, at in offsets.items() if tp in ours and self._committed.get(tp) != at}
        if fresh:
            await job.app.consumer.release(fresh)
            self._committed.update(fresh)
