"""A topic of the group that is deleted under a worker: it ends and says so, where it would wait for ever.

It is an error when the group shares out its partitions, of which Faust would hear nothing.
"""

import asyncio
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from stream.errors import BrokerError

if TYPE_CHECKING:
    from stream.job.app import Job

LOOK = 2.0  # seconds between looks


class TopicWatch:
    """Looks at the group's partitions, and ends a worker that has lost them for good."""

    def __init__(self, job: "Job") -> None:
        self._job = job

    async def run(self) -> None:
        """Look until the worker stops."""
        job = self._job
        while not job.app.should_stop:
            await asyncio.sleep(LOOK)
            try:
                self._look()
            except Exception as error:
                job.fail(error)

    def _look(self) -> None:
        try:
            self._job.app.consumer.check_group()
        except KafkaError as error:
            raise BrokerError(
                f"the group's partitions can't be shared out any more ({error}); if a topic was deleted, `onsight "
                "topics create` makes those that onsight needs, and then start the worker again"
            ) from error
