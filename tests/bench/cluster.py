"""A broker for one bench: topics with unique names, what is in them, and how far a group has come."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from kafka import KafkaAdminClient

from stream.sandbox.broker import Broker
from tests.bench.report import bar, say

POLL = 0.1  # seconds between two looks at a group's offsets
PATIENCE = 20.0  # seconds without any progress after which a bench gives up
SERVER = {
    "message.max.bytes": str(20 << 20),
    # On a machine of its own a broker would not take ours.
    "log.cleaner.io.max.bytes.per.second": str(8 << 20),
}


class GaveUp(click.ClickException):
    """A bench can't go on: what it waits for does not come."""


class Cluster:
    """Kafka as a bench sees it."""

    def __init__(self, bootstrap: str, admin: Any) -> None:
        self.bootstrap = bootstrap
        self.run = uuid.uuid4().hex[:8]
        self.topics: list[str] = []
        self._admin = admin
        self._probe = self.consumer(f"{self.run}-probe")
        # For the workers that have none of their own.
        self.dead_letters, self.verdicts = self.topic("unread", 1), self.topic("verdicts", 1)

    def topic(self, name: str, partitions: int, configs: Mapping[str, str] | None = None) -> str:
        """Make a topic; returns its unique name."""
        unique = f"bench-{self.run}-{name}"
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(configs or {})}
        self._admin.create_topics({unique: wanted}, wait_for_metadata=True)
        self.topics.append(unique)
        return unique

    def close(self) -> None:
        """Remove the topics that this bench and its workers made."""
        self._probe.close()
        self._admin.delete_topics([name for name in self._admin.list_topics() if self.run in name])

    def consumer(self, group: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 4 << 20,
                "log_level": 2,
            }
        )

    def ends(self, topic: str) -> list[int]:
        """The end offset of each partition."""
        numbers = sorted(self._probe.list_topics(topic, timeout=10).topics[topic].partitions)
        return [self._probe.get_watermark_offsets(TopicPartition(topic, n), timeout=10)[1] for n in numbers]

    def read(self, topic: str) -> Iterator[Any]:
        """Every record of a topic up to its end as it is now, in no order between partitions."""
        ends = self.ends(topic)
        left = sum(ends)
        consumer = self.consumer(f"{self.run}-read")
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(len(ends))])
        heard = time.monotonic()
        try:
            while left > 0:
                messages = consumer.consume(10_000, timeout=0.2)
                if messages:
                    heard = time.monotonic()
                elif time.monotonic() - heard > PATIENCE:
                    raise GaveUp(f"{topic}: {left} records are there but don't come")
                left -= len(messages)
                yield from messages
        finally:
            consumer.close()

    def wait_for(self, group: str, topic: str, alive: Callable[[], None], text: str) -> None:
        """Wait until a group has committed all of a topic; `alive` raises if nobody works at it any more."""
        total = sum(self.ends(topic))
        consumer = self.consumer(group)
        seen, moved = 0, time.monotonic()
        try:
            with bar(text, total) as progress:
                while seen < total:
                    alive()
                    time.sleep(POLL)
                    now = committed(consumer, topic)
                    if now > seen:
                        seen, moved = now, time.monotonic()
                    elif time.monotonic() - moved > PATIENCE:
                        raise GaveUp(f"{group} stays at {seen} of {total} events for {PATIENCE:.0f} s")
                    progress.at(seen)
        finally:
            consumer.close()


def committed(consumer: Consumer, topic: str) -> int:
    """How many events of a topic the consumer's group has committed."""
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        wanted = [TopicPartition(topic, number) for number in partitions]
        return sum(max(0, found.offset) for found in consumer.committed(wanted, timeout=10))
    except KafkaException:
        return 0  # the group's coordinator is only just being made


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The brokers of ONSIGHT_KAFKA, else one of this bench's own."""
    if servers := os.environ.get("ONSIGHT_KAFKA"):
        with _on(servers) as found:
            yield found
        return
    say("starting a broker")
    with Broker.start(extra=SERVER, load=True) as broker, _on(broker.bootstrap) as found:
        yield found


@contextmanager
def _on(bootstrap: str) -> Iterator[Cluster]:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        found = Cluster(bootstrap, admin)
        try:
            yield found
        finally:
            found.close()
