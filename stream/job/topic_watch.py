"""Topics that are deleted under a worker: it ends and says so, where it would wait or be deaf for ever.

A topic that is gone when the group shares out its partitions is an error, of which Faust would hear nothing.
One that is made again before that begins with offset 0, and Faust passes over the offsets that it has seen before.
"""

import asyncio
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from stream.errors import BrokerError

if TYPE_CHECKING:
    from stream.job.app import Job

LOOK = 2.0  # seconds between looks
PATIENCE = 10.0  # seconds that the brokers have to say where a topic ends


class TopicWatch:
    """Looks at the group's partitions and at the verdicts topic, and ends a worker that would miss what is in them."""

    def __init__(self, job: "Job") -> None:
        self._job = job

    async def run(self) -> None:
        """Look until the worker stops."""
        job = self._job
        while not job.app.should_stop:
            await asyncio.sleep(LOOK)
            try:
                self._look_at_group()
                await self._look_at_verdicts()
            except Exception as error:
                job.fail(error)

    def _look_at_group(self) -> None:
        try:
            self._job.app.consumer.check_group()
        except KafkaError as error:
            raise BrokerError(
                f"the group's partitions can't be shared out any more ({error}); if a topic was deleted, `onsight "
                "topics create` makes those that onsight needs, and then start the worker again"
            ) from error

    async def _look_at_verdicts(self) -> None:
        read = self._job.verdicts.read
        try:
            ends = await asyncio.wait_for(self._job.app.consumer.highwaters(*read), PATIENCE) if read else {}
        except (KafkaError, TimeoutError):
            return
        for tp, end in ends.items():
            if end <= read[tp]:
                raise BrokerError(
                    f"topic {tp.topic!r} was deleted and made again: partition {tp.partition} ends at offset {end} and "
                    f"was read up to {read[tp]} before; started again, the worker reads it from its beginning, and the "
                    "verdicts that were applied before stay"
                )
