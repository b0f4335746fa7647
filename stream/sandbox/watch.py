"""Watches a worker from outside: what is in its topics, how far it has come, and how long its alerts took."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from stream.alerts import is_alert
from stream.job.clients import admin_client, reading_client
from stream.settings import Settings

POLL_MS = 100
POLL_RECORDS = 4000
COMMITTED_EVERY = 0.25  # seconds between looks at the group's offsets
RATE_SECONDS = 4.0  # over which events/s are averaged


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert as it came: its body, and the milliseconds from its event's produce time to its own append."""

    body: dict[str, Any]
    latency_ms: int


@dataclass(slots=True)
class Progress:
    """How far the stream and its worker have come."""

    total: int
    produced: int = 0
    scored: int = 0
    rate: float = 0.0  # events scored a second, lately
    alerts: list[Seen] = field(default_factory=list)  # in the order in which they came

    @property
    def lag(self) -> int:
        """Events that are not scored yet."""
        return max(0, self.produced - self.scored)

    def latency_ms(self) -> tuple[float, float] | None:
        """Median and 99th percentile."""
        if not self.alerts:
            return None
        p50, p99 = np.percentile([seen.latency_ms for seen in self.alerts], (50, 99))
        return float(p50), float(p99)


class Watch:
    """Reads both topics with a consumer without a group; `look` again and again."""

    def __init__(self, settings: Settings, consumer: Any, admin: Any, total: int) -> None:
        from kafka import TopicPartition

        self.progress = Progress(total)
        self._settings, self._consumer, self._admin = settings, consumer, admin
        self._sources = [TopicPartition(settings.input_topic, n) for n in range(settings.partitions)]
        alerts = [TopicPartition(settings.alerts_topic, n) for n in range(settings.partitions)]
        consumer.assign([*self._sources, *alerts])
        consumer.seek_to_beginning()
        self._produced_at: dict[tuple[int, int], int] = {}  # by partition and offset; ms
        self._waiting: list[tuple[dict[str, Any], int]] = []  # alerts that came before their events
        self._scored: deque[tuple[float, int]] = deque()

    @property
    def joined(self) -> bool:
        """Whether a worker has its partitions."""
        from kafka.errors import KafkaError

        try:
            group = self._admin.describe_groups([self._settings.application_id])[
                self._settings.application_id
            ]
        except KafkaError as error:
            if error.retriable:  # the group's coordinator is only just being made
                return False
            raise
        return bool(group["group_state"] == "Stable" and group["members"])

    def look(self) -> Progress:
        """Take in what has come since the last look."""
        for records in self._consumer.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS).values():
            if records[0].topic == self._settings.input_topic:
                self.progress.produced += len(records)
                self._produced_at.update(((r.partition, r.offset), r.timestamp) for r in records)
            else:
                alerts = (record for record in records if is_alert(record.headers))
                self._waiting += [(orjson.loads(record.value), record.timestamp) for record in alerts]
        self._measure()
        self._ask_how_far()
        return self.progress

    @property
    def complete(self) -> bool:
        """Whether every event is scored and every alert was seen; an alert is there before its event counts."""
        progress = self.progress
        if progress.scored < progress.total or progress.produced < progress.total:
            return False
        alerts = [tp for tp in self._consumer.assignment() if tp.topic == self._settings.alerts_topic]
        ends = self._consumer.end_offsets(alerts)
        return not self._waiting and all(self._consumer.position(tp) >= ends[tp] for tp in alerts)

    def _measure(self) -> None:
        still = []
        for body, appended in self._waiting:
            source = body["source"]
            produced = self._produced_at.get((source["partition"], source["offset"]))
            if produced is None:
                still.append((body, appended))
            else:
                self.progress.alerts.append(Seen(body, appended - produced))
        self._waiting = still

    def _ask_how_far(self) -> None:
        now = time.monotonic()
        if self._scored and now - self._scored[-1][0] < COMMITTED_EVERY:
            return
        self.progress.scored = self._committed()
        self._scored.append((now, self.progress.scored))
        while now - self._scored[0][0] > RATE_SECONDS:
            self._scored.popleft()
        (since, first), passed = self._scored[0], now - self._scored[0][0]
        self.progress.rate = (self.progress.scored - first) / passed if now > since else 0.0

    def _committed(self) -> int:
        from kafka.errors import KafkaError

        group = self._settings.application_id
        try:
            offsets = self._admin.list_group_offsets({group: self._sources})[group]
        except KafkaError as error:
            if error.retriable:  # the group's coordinator is only just being made
                return self.progress.scored
            raise
        return sum(max(0, found.offset) for found in offsets.values())


@contextmanager
def watching(settings: Settings, total: int) -> Iterator[Watch]:
    """A watch over a worker with these settings, which is to score `total` events. Raises BrokerError."""
    with admin_client(settings) as admin, reading_client(settings) as consumer:
        yield Watch(settings, consumer, admin, total)
