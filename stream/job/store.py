"""The Faust table's store: one `Partition` for each source partition that this worker holds, active or standby.

Faust decides who owns what, and reads the changelog.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from faust.types import TP, Message

from stream.job.partition import Partition
from stream.job.run_store import RunStore

SCHEME = "onsight"  # registered as an entry point of the group "faust.stores"


class PartitionStore(RunStore):
    """Partitions by number, made when they are first asked for.

    `options`: also "make", which makes a Partition of its number.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make: Callable[[int], Partition] = (self.options or {})["make"]
        self.partitions: dict[int, Partition] = {}

    def partition(self, number: int) -> Partition:
        """The partition with this number, made if it is not there."""
        found = self.partitions.get(number)
        if found is None:
            found = self.partitions[number] = self._make(number)
        return found

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset that this worker's copy stands at: recovery reads from there on."""
        held = self.partitions.get(tp.partition)
        return held.persisted if held else None

    def read_run(self, message: Message) -> None:
        """Read changelog records into the partition's detector."""
        partition = self.partition(message.partition)
        partition.detector.restore([r.key for r in message.value], [r.value for r in message.value])
        partition.persisted = message.offset

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget the partitions whose changelog is no longer ours, and go on with the others."""
        changelog = self.table.changelog_topic.get_topic_name()
        for tp in revoked:
            if tp.topic == changelog:
                self.partitions.pop(tp.partition, None)
        for partition in self.partitions.values():
            partition.reopen()

    async def drain(self) -> None:
        """Write all that every partition owes."""
        await asyncio.gather(*(partition.drain() for partition in self.partitions.values()))

    def reset_state(self) -> None:
        self.partitions.clear()
