"""The newest records of a topic, read by a consumer without a group: nothing is committed, nothing made."""

import time
from collections.abc import Iterator
from typing import Any

from stream.errors import BrokerError
from stream.job.clients import partitions_of, reading_client
from stream.job.fetched import Fetched
from stream.settings import Settings

POLL_MS = 500
ALL = 1 << 40  # records: as many as there are
PATIENCE = 15.0  # seconds without a record after which a read gives up


def exists(settings: Settings, topic: str) -> bool:
    """Whether there is such a topic that may be read. Raises BrokerError."""
    with reading_client(settings) as consumer:
        return bool(consumer.partitions_for_topic(topic))


def newest(settings: Settings, topic: str, limit: int = ALL) -> Iterator[Fetched]:
    """The newest `limit` records, an equal share of each partition, up to the end as it is now.

    Raises BrokerError: no broker answers, there is no such topic, or records stop coming before the end.
    """
    with reading_client(settings) as consumer:
        ends = _seek(consumer, settings, topic, limit)
        yield from _read(consumer, settings, ends)


def _seek(consumer: Any, settings: Settings, topic: str, limit: int) -> dict[Any, int]:
    """Assign every partition from its share of the newest records on; the end of each that has any."""
    partitions = partitions_of(settings, consumer, topic)
    consumer.assign(partitions)
    starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    share = -(-limit // len(partitions))
    for partition in partitions:
        consumer.seek(partition, max(starts[partition], ends[partition] - share))
    return {partition: ends[partition] for partition in partitions if ends[partition] > starts[partition]}


def _read(consumer: Any, settings: Settings, ends: dict[Any, int]) -> Iterator[Fetched]:
    heard = time.monotonic()
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
            heard = time.monotonic()
            yield Fetched.of(
                partition, [record for record in records if record.offset < ends.get(partition, 0)]
            )
        if time.monotonic() - heard > PATIENCE:
            raise BrokerError(f"{settings.kafka} sent nothing for {PATIENCE:.0f} s, though records are there")
