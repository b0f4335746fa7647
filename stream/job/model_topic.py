"""Reading and writing the models topic outside a worker: what `onsight models` and `onsight-export publish` do."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stream.errors import BrokerError
from stream.job.clients import reading_client, writing_client
from stream.job.newest import PATIENCE, POLL_MS
from stream.model_log import ModelLog, Roles
from stream.records import Record
from stream.settings import Settings

WRITE_SECONDS = 30.0


def change_roles(settings: Settings, log: ModelLog, roles: Roles, parts: Sequence[Record] = ()) -> None:
    """Write the parts of a model, and then who has which role; `log` is what the topic said before."""
    _write(settings, [*parts, *log.change(roles)])


def read_log(settings: Settings, profile: str) -> ModelLog:
    """What the topic says about a profile up to its end as it is now. Raises BrokerError."""
    log = ModelLog(profile)
    with models_consumer(settings) as (consumer, partition):
        if partition is None:
            raise BrokerError(
                f"topic {settings.models_topic!r} not found on {settings.kafka}, or not open to this user; "
                "`onsight topics create` makes it"
            )
        _read_to_end(settings, consumer, partition, log)
    return log


def _read_to_end(settings: Settings, consumer: Any, partition: Any, log: ModelLog) -> None:
    end, heard = consumer.end_offsets([partition])[partition], time.monotonic()
    while consumer.position(partition) < end:
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            heard = time.monotonic()
            for record in records:
                log.hear(record.key, record.value)
        if time.monotonic() - heard > PATIENCE:
            raise BrokerError(f"{settings.kafka} sent nothing for {PATIENCE:.0f} s, though models are there")


@contextmanager
def models_consumer(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """A consumer without a group at the beginning of the topic, and its one partition; None where there is none.

    Raises BrokerError, also for what fails inside the `with`.
    """
    from kafka import TopicPartition

    with reading_client(settings) as consumer:
        partition = None
        if consumer.partitions_for_topic(settings.models_topic):
            # One partition is what gives the records their order; others that somebody made are not looked at.
            partition = TopicPartition(settings.models_topic, 0)
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
        yield consumer, partition


def _write(settings: Settings, records: Sequence[Record]) -> None:
    """Append the records in their order, each acknowledged by all replicas. Raises BrokerError."""
    with writing_client(settings) as producer:
        sent = [producer.send(settings.models_topic, value, key=key, partition=0) for key, value in records]
        for one in sent:
            one.get(timeout=WRITE_SECONDS)
