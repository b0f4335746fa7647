"""Which models each partition scores with: those that its state names, until it may go over to those of the topic.

A worker that was killed may have scored, and alerted on, events that its state does not know of yet. They come again
and must have the same alerts, so a partition that was taken over keeps the models of its state for these events: up to
where the source ended then, or for as many events as a worker may be ahead of its state.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from stream.job.model_feed import ModelFeed
from stream.job.partition import UNWRITTEN, Partition
from stream.lineup import Lineup

log = logging.getLogger("onsight")


class Models:
    """`settle` is called before each run of events.

    end:   asks the brokers for the end of a source partition
    batch: events of the largest run
    """

    def __init__(self, feed: ModelFeed, end: Callable[[int], Awaitable[int]], batch: int) -> None:
        self.feed = feed
        self._end = end
        # One flush under way, and as much again until the next one waits for it.
        self._ahead = 2 * (UNWRITTEN + batch)

    async def settle(self, partition: Partition) -> None:
        """Have the partition use the models that are due for its next event."""
        if partition.end is None:
            await asyncio.to_thread(self.feed.ready.wait)
            partition.end = await self._end(partition.detector.source.partition)
        detector, wanted = partition.detector, self.feed.lineup
        if detector.lineup is wanted and detector.chosen.digests:
            return
        named = detector.chosen.digests
        if named not in (None, wanted.digests, detector.lineup.digests):
            await self._resume(partition, named)
        if named in (None, wanted.digests) or self._may_change(partition):
            await partition.use(wanted)

    async def _resume(self, partition: Partition, named: tuple[str, str | None]) -> None:
        """Go on with the models of a state that was just read back, where they can be had."""
        if not all(digest in self.feed.scorers for digest in named if digest):
            await asyncio.to_thread(self.feed.catch_up)
        scorers = self.feed.scorers
        live, shadow = scorers.get(named[0]), named[1] and scorers.get(named[1])
        if live is None or (named[1] and not shadow):
            log.warning(
                "partition %d was scored by %s beside %s, of which not both can be had any more: from here on %s",
                partition.detector.source.partition,
                *named,
                self.feed.lineup.live.digest,
            )
            await partition.use(self.feed.lineup)
        else:
            await partition.use(Lineup(live, shadow or None))

    def _may_change(self, partition: Partition) -> bool:
        """Whether no event to come can have been scored before this worker had the partition."""
        after = partition.detector.offset + 1
        return partition.scored >= self._ahead or (partition.end is not None and after >= partition.end)
