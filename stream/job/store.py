"""The Faust table's store: one `Partition` for each source partition that this worker holds, active or standby.

Faust decides who owns what, and reads the changelog; each changelog message is a run of records (see transport.py).
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from faust.stores import base
from faust.types import TP, EventT

from stream.job.partition import Partition

SCHEME = "onsight"  # registered as an entry point of the group "faust.stores"


class PartitionStore(base.Store):
    """Partitions by number, made when they are first asked for.

    `options`: "make" makes a Partition of its number, "fail" ends the process for an error.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = self.options or {}
        self._make: Callable[[int], Partition] = options["make"]
        self._fail: Callable[[BaseException], None] = options["fail"]
        self.partitions: dict[int, Partition] = {}

    def partition(self, number: int) -> Partition:
        found = self.partitions.get(number)
        if found is None:
            found = self.partitions[number] = self._make(number)
        return found

    def persisted_offset(self, tp: TP) -> int | None:
        """The changelog offset that this worker's copy stands at: recovery reads from there on."""
        held = self.partitions.get(tp.partition)
        return held.persisted if held else None

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        """Read runs of changelog records into the partitions' detectors."""
        try:
            for event in batch:
                records = event.message.value
                partition = self.partition(event.message.partition)
                partition.detector.restore([r.key for r in records], [r.value for r in records])
                partition.persisted = event.message.offset
        except Exception as error:
            # Faust would log it and go on with half a state.
            self._fail(error)

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

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Nothing to back up: the changelog is the copy."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing to restore from: recovery reads the changelog."""
