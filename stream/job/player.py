"""Plays events into a topic, keyed by the entity, in the order of their times and at a chosen pace."""

import asyncio
import heapq
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from stream.events import Decoder, Reject
from stream.files import is_parquet, read_lines, read_records
from stream.job.clients import broker_error, client_arguments, reach
from stream.settings import Settings

RUN = 1024  # events timed and sent together, at most
TICK_SECONDS = 0.005  # what comes due within it goes together: single records would cost 40 us each
IN_FLIGHT = 64  # record batches awaiting acknowledgement, at most
BATCH_BYTES = 262_144


class Event(NamedTuple):
    """One record to play; sorts by time."""

    time: float  # event time, seconds since 1970 UTC
    key: bytes  # the entity, UTF-8
    value: bytes


@dataclass(frozen=True, slots=True)
class Pace:
    """When events are due: `rate` a second, or `speed` times as fast as they happened; at once if neither."""

    rate: float | None = None
    speed: float | None = None

    def due(self, first: int, times: NDArray[np.float64], origin: float) -> NDArray[np.float64]:
        """Seconds after the start, never falling, for the events number `first` and on.

        times: [B] their event times; origin: the event time at the start.
        """
        if self.rate is not None:
            return (first + np.arange(len(times))) / self.rate
        if self.speed is not None:
            return np.maximum.accumulate(times - origin) / self.speed
        return np.zeros(len(times))


def file_events(path: Path, decoder: Decoder, on_reject: Callable[[Reject], None]) -> Iterator[Event]:
    """The events of a file in its order; those without a readable entity or time go to `on_reject`.

    JSON lines keep their bytes, rows of Parquet become JSON objects. Raises InputError.
    """
    start = 0
    for values in _json_runs(path):
        batch, rejects = decoder.decode(None, values, np.arange(start, start + len(values)))
        for reject in rejects:
            on_reject(reject)
        rows = zip(batch.entity, batch.time.tolist(), batch.offset.tolist(), strict=True)
        for entity, moment, offset in rows:
            yield Event(moment, entity.encode(), values[offset - start])
        start += len(values)


def _json_runs(path: Path) -> Iterator[list[bytes]]:
    if is_parquet(path):
        records = read_records(path, sys.maxsize)
        while block := list(islice(records, RUN)):
            yield [orjson.dumps(record, default=str) for record in block]
    else:
        for run in read_lines(path, RUN):
            yield run.values


def in_time_order(events: Iterable[Event], lookahead: int = 100_000) -> Iterator[Event]:
    """Events sorted by time, ties in their given order, as far as a buffer of `lookahead` events allows."""
    numbered = ((event.time, number, event) for number, event in enumerate(events))
    buffer = list(islice(numbered, lookahead))
    heapq.heapify(buffer)
    for item in numbered:
        yield heapq.heappushpop(buffer, item)[2]
    while buffer:
        yield heapq.heappop(buffer)[2]


async def play(
    settings: Settings,
    topic: str,
    events: Iterable[Event],
    pace: Pace,
    on_sent: Callable[[int], None] = lambda count: None,
) -> int:
    """Send all events when they are due, as Kafka's own clients would partition them; how many there were.

    A record's timestamp is the moment it was sent. `on_sent` hears after each send how many went. Returns
    when all replicas in sync have acknowledged all. Raises BrokerError.
    """
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    reach(settings)
    producer = AIOKafkaProducer(
        **client_arguments(settings), enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    try:
        await producer.start()
        try:
            sender = _Sender(producer, topic, sorted(await producer.partitions_for(topic)))
            return await _play(sender, iter(events), pace, on_sent)
        finally:
            await producer.stop()
    except (KafkaError, OSError) as error:
        raise broker_error(settings, error) from error


async def _play(
    sender: "_Sender", events: Iterator[Event], pace: Pace, on_sent: Callable[[int], None]
) -> int:
    played, origin, begin = 0, 0.0, time.perf_counter()
    while run := list(islice(events, RUN)):
        origin = origin if played else run[0].time
        due = pace.due(played, np.array([event.time for event in run]), origin)
        sent = 0
        while sent < len(run):
            now = time.perf_counter() - begin
            stop = int(np.searchsorted(due, now, "right"))
            await sender.send(run[sent:stop])
            on_sent(stop - sent)
            if stop < len(run):
                await asyncio.sleep(max(due[stop] - now, TICK_SECONDS))
            sent = stop
        played += len(run)
    await sender.drain(0)
    return played


class _Sender:
    """Sends runs of events to one topic, a record batch for each partition."""

    def __init__(self, producer: Any, topic: str, partitions: list[int]) -> None:
        from aiokafka.partitioner import DefaultPartitioner

        self._producer = producer
        self._topic = topic
        self._in_flight: deque[Any] = deque()
        partition_of = DefaultPartitioner()
        self._partition = cache(lambda key: partition_of(key, partitions, partitions))

    async def send(self, events: list[Event]) -> None:
        """Hand the events over; waits only while too many batches are unacknowledged."""
        now = int(time.time() * 1000)
        batches: dict[int, Any] = {}
        for event in events:
            partition = self._partition(event.key)
            batch = batches.get(partition) or self._producer.create_batch()
            batches[partition] = batch
            if batch.append(timestamp=now, key=event.key, value=event.value) is None:  # it is full
                await self._dispatch(batch, partition)
                batches[partition] = self._producer.create_batch()
                batches[partition].append(timestamp=now, key=event.key, value=event.value)
        for partition, batch in batches.items():
            await self._dispatch(batch, partition)
        await self.drain(IN_FLIGHT)

    async def drain(self, limit: int) -> None:
        """Wait until at most `limit` batches are unacknowledged."""
        while len(self._in_flight) > limit:
            await self._in_flight.popleft()

    async def _dispatch(self, batch: Any, partition: int) -> None:
        batch.close()
        self._in_flight.append(await self._producer.send_batch(batch, self._topic, partition=partition))
