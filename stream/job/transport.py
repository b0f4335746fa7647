"""Faust's aiokafka transport, delivering runs of records: what was fetched of one partition is one message.

Faust spends some 100 microseconds a message on tasks, a queue and a wake-up; a run pays that once. A run's value is
the list of its records and its offset is that of the last one, which is also what changelog recovery counts.

Faust's consumer lives in a thread of its own, and each fetch is two changes of threads that fight for the
interpreter. Scoring a run takes milliseconds, which a fetch can wait for: here both share the worker's event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode.threads import ServiceThread
from mode.utils.futures import notify

# A broker may hold a fetch of quiet partitions for so long, and the next one, of others, goes out after that: at the
# end of recovery the source waits for the changelog's last fetch.
FETCH_WAIT = 100  # milliseconds; Faust has 1,500
RUN_KEY = b"run"  # recovery refuses messages without a key


class InLoop:
    """Stands in for the thread of a service: runs it as a task of the loop that asked for it."""

    def __init__(self, service: ServiceThread) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = self._service.parent_loop.create_task(self._serve())

    def stop(self) -> None:
        """Nothing to join: the service has shut down before this is called."""

    async def _serve(self) -> None:
        service = self._service
        try:
            await service._default_start()
            await service.on_thread_started()
            notify(service._thread_running)
            await service.wait_until_stopped()
        except Exception as error:
            await service.crash(error)
        finally:
            await service._shutdown_thread()


def _as_it_came(_tp: TP, record: Any) -> Any:
    """A record as it was parsed. Making the client's own kind of record of it takes 3 microseconds."""
    return record


class PromptThread(driver.AIOKafkaConsumerThread):
    """Its client asks anew before long."""

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        consumer = super()._create_consumer(loop)
        consumer._fetch_max_wait_ms = FETCH_WAIT
        return consumer


class RunConsumer(driver.Consumer):
    """Yields one message for each run of at most `run_limit` records of one partition."""

    run_limit: ClassVar[int] = 2048

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.delivered: dict[TP, int] = {}  # the last offset that was handed on

    def _new_consumer_thread(self) -> PromptThread:
        return PromptThread(self, loop=self.loop, thread_loop=self.loop, Worker=InLoop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetch what there is; nothing is yielded after a rebalance has begun."""
        records, active = await self._wait_next_records(timeout)
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

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """What has been fetched, at once; else what comes within `timeout` seconds."""
        consumer = self._thread._ensure_consumer()
        # Faust leaves out partitions whose queue was full a moment ago, and would not hear that it is no more.
        if active_partitions is not None:
            active_partitions = active_partitions | self._buffered_partitions
        consumer.resume(*consumer.paused())
        found = await self._fetched(consumer, active_partitions)
        if not found:
            await asyncio.wait([consumer._fetcher._create_fetch_waiter()], timeout=timeout)
            found = await self._fetched(consumer, active_partitions)
        if sum(map(len, found.values())) < self.run_limit:
            # Near the end of the topic, what is fetched ahead waits for all that is being scored: fetch it afterwards.
            # Quiet partitions wait, too: a broker would hold their fetch, and the next one goes out after it.
            consumer.pause(*(consumer.assignment() - consumer._fetcher._records.keys()))
        return found

    async def _fetched(self, consumer: Any, active_partitions: set[TP] | None) -> Any:
        waiting, first = consumer._fetcher._records, self.app.tables.changelog_topics
        for tp, fetched in list(waiting.items()):
            if records := getattr(fetched, "_partition_records", None):
                records._consumer_record = _as_it_came
            if tp.topic in first:
                # A verdict must not wait for the megabytes of events that were fetched before it.
                waiting.move_to_end(tp, last=False)
        return await self._thread._fetch_records(
            consumer, active_partitions, timeout=0, max_records=consumer._max_poll_records
        )

    def _run(self, tp: TP, records: Sequence[Any]) -> ConsumerMessage:
        last = records[-1]
        self.delivered[tp] = last.offset
        return ConsumerMessage(
            tp.topic,
            tp.partition,
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

    @property
    def place_lost(self) -> bool:
        """Whether the brokers no longer know this member of the group, which is about to join anew."""
        coordinator = self._thread._ensure_consumer()._coordinator
        return bool(self.app.consumer_generation_id > 0 and coordinator.generation < 0)

    def check_group(self) -> None:
        """Raise what keeps this worker from its part in the group, if anything does: a KafkaError.

        The client tells whoever asks for records, whom Faust stops while partitions are being shared out.
        """
        self._thread._ensure_consumer()._coordinator.check_errors()

    async def release(self, offsets: Mapping[TP, int]) -> None:
        """Commit: everything before these offsets is done."""
        await self._commit(offsets)


class RunTransport(driver.Transport):
    Consumer = RunConsumer
