"""What leaves: alerts, dead letters and changelog batches, each acknowledged by all replicas."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from stream.alerts import Alert
from stream.dead_letters import dead_letter
from stream.errors import BrokerError
from stream.events import Reject
from stream.records import Record
from stream.settings import Settings

MAX_BATCH = 16 << 20  # bytes: a changelog batch is appended whole, and is larger than Kafka's usual message

Acknowledgement = asyncio.Future[Any]


class Sink:
    """One idempotent producer for everything that a worker writes."""

    def __init__(self, settings: Settings, connection: Mapping[str, Any]) -> None:
        self._alerts, self._dead_letters = settings.alerts_topic, settings.dead_letters_topic
        self._arguments = dict(connection) | {
            "client_id": f"{settings.application_id}-sink",
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_batch_size": MAX_BATCH,
            "max_request_size": MAX_BATCH + 4096,
        }
        self._producer: Any = None

    async def start(self) -> None:
        """Connect; aiokafka wants its producer made inside the running loop."""
        self._producer = AIOKafkaProducer(**self._arguments)
        await self._producer.start()

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def alert(self, alert: Alert) -> Acknowledgement:
        sent: Acknowledgement = await self._producer.send(
            self._alerts, alert.body(), key=alert.key, headers=alert.headers()
        )
        return sent

    async def dead_letter(self, reject: Reject, record: Any) -> Acknowledgement:
        """Send a record that could not be read as it came, with its reason in the headers."""
        headers = dead_letter(reject, record.topic, record.partition)
        sent: Acknowledgement = await self._producer.send(
            self._dead_letters, record.value, key=record.key, headers=headers
        )
        return sent

    async def route(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Append keys and values to a partition, in as few batches as they fit into."""
        batch, sent = self._producer.create_batch(), []
        for key, value in pairs:
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await self._send(batch, topic, partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        sent.append(await self._send(batch, topic, partition))
        await asyncio.gather(*sent)

    async def _send(self, batch: Any, topic: str, partition: int) -> Acknowledgement:
        batch.close()
        sent: Acknowledgement = await self._producer.send_batch(batch, topic, partition=partition)
        return sent

    async def changelog(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        """Append the records as one batch, whole or not at all. Returns the offset of the last one."""
        batch = self._producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise BrokerError(
                    f"changelog {topic}[{partition}]: {len(records)} records do not fit into one batch of {MAX_BATCH} "
                    "bytes, so the state can't be written whole; lower the setting `batch` or the profile's `window`"
                )
        sent = await self._send(batch, topic, partition)
        return int((await sent).offset) + len(records) - 1
