"""Faust's aiokafka transport, delivering runs of records: what was fetched of one partition is one message.

Faust spends some 100 microseconds a message on tasks, a queue and a wake-up; a run pays that once. A run's value is
the list of its records and its offset is that of the last one, which is also what changelog recovery counts.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

RECOVERY_POLL = 0.05  # seconds
RUN_KEY = b"run"  # recovery refuses messages without a key


class RunConsumer(driver.Consumer):
    """Yields one message for each run of at most `run_limit` records of one partition."""

    run_limit: ClassVar[int] = 2048

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch what there is; nothing is yielded after a rebalance has begun."""
        # In recovery the last fetch waits for changelog records that don't come, and the source's behind it.
        records, active = await self._wait_next_records(RECOVERY_POLL if self.app.in_recovery else timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        for tp, fetched in records.items():
            if not (active is None or tp in active or tp in self._buffered_partitions):
                continue
            for start in range(0, len(fetched), self.run_limit):
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                yield tp, self._run(tp, fetched[start : start + self.run_limit])

    def _run(self, tp: TP, records: Sequence[Any]) -> ConsumerMessage:
        last = records[-1]
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            (),
            RUN_KEY,
            records,
            None,
            len(RUN_KEY),
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def release(self, offsets: Mapping[TP, int]) -> None:
        """Commit: everything before these offsets is done."""
        await self._commit(offsets)


class RunTransport(driver.Transport):
    Consumer = RunConsumer
