"""What leaves: alerts, dead letters and changelog batches, each acknowledged by all replicas."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from stream.alerts import Alert, Source
from stream.dead_letters import dead_letter
from stream.errors import BrokerError
from stream.events import Reject
from stream.notices import Notice
from stream.records import Record
from stream.settings import Settings

MAX_BATCH = 16 << 20  # bytes: a changelog batch is appended whole, and is larger than Kafka's usual message
USUAL_BATCH = 512 << 10  # bytes: topics take batches of up to 1 MiB, unless they say otherwise
CUT = 256 << 10  # bytes kept of a dead letter that its topic would not take whole

Acknowledgement = asyncio.Future[Any]


class Sink:
    """Idempotent producers for everything that a worker writes: one for single records, one for changelog batches.

    A client has one batch size for all topics, and a batch as large as the changelog's is refused by any other.
    changelog_bytes: how much went to the changelog so far
    """

    def __init__(self, settings: Settings, connection: Mapping[str, Any]) -> None:
        self._alerts, self._dead_letters = settings.alerts_topic, settings.dead_letters_topic
        self._arguments = dict(connection) | {
            "client_id": f"{settings.application_id}-sink",
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_request_size": MAX_BATCH + 4096,
        }
        self.changelog_bytes = 0
        self._producer: Any = None
        self._changelog: Any = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect, once; aiokafka wants its producer made inside the running loop."""
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(max_batch_size=USUAL_BATCH, **self._arguments)
                changelog = AIOKafkaProducer(max_batch_size=MAX_BATCH, **self._arguments)
                await asyncio.gather(producer.start(), changelog.start())
                self._producer, self._changelog = producer, changelog

    async def stop(self) -> None:
        """Send what is left, and disconnect."""
        if self._producer is not None:
            await asyncio.gather(self._producer.stop(), self._changelog.stop())

    async def alert(self, alert: Alert, trace: Sequence[tuple[str, bytes]] = ()) -> Acknowledgement:
        """Send an alert, with the trace context of its event."""
        sent: Acknowledgement = await self._producer.send(
            self._alerts, alert.body(), key=alert.key, headers=[*alert.headers(), *trace]
        )
        return sent

    async def notice(self, notice: Notice) -> Acknowledgement:
        """Send a notice to the alerts topic, seen now."""
        now = time.time()
        sent: Acknowledgement = await self._producer.send(
            self._alerts, notice.body(now), key=notice.key, headers=notice.headers(now)
        )
        return sent

    async def trial(self, topic: str, partition: int, body: bytes) -> Acknowledgement:
        """Send the report on a partition's trial to the compacted topic of trials."""
        sent: Acknowledgement = await self._producer.send(topic, body, key=str(partition).encode())
        return sent

    async def dead_letter(self, reject: Reject, record: Any, source: Source) -> Acknowledgement:
        """Send a record of `source` that could not be read as it came, with its reason in the headers."""
        headers = dead_letter(reject, source.topic, source.partition)
        return asyncio.ensure_future(self._bury(record.key, record.value, headers))

    async def _bury(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        try:
            await self._producer.send_and_wait(self._dead_letters, value, key=key, headers=headers)
        except MessageSizeTooLargeError:
            # The topic takes less than the source gave: its beginning and its size are kept, and the offset.
            cut = [*headers, ("truncated-from", str(len(value or b"")).encode())]
            await self._producer.send_and_wait(
                self._dead_letters, (value or b"")[:CUT], key=(key or b"")[:CUT], headers=cut
            )

    async def route(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Append keys and values to a partition, in as few batches as they fit into."""
        batch, sent = self._producer.create_batch(), []
        for key, value in pairs:
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await self._send(self._producer, batch, topic, partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        sent.append(await self._send(self._producer, batch, topic, partition))
        await asyncio.gather(*sent)

    async def _send(self, producer: Any, batch: Any, topic: str, partition: int) -> Acknowledgement:
        batch.close()
        sent: Acknowledgement = await producer.send_batch(batch, topic, partition=partition)
        return sent

    async def changelog(self, topic: str, partition: int, records: Sequence[Record]) -> int:
        """Append the records as one batch, whole or not at all. Returns the offset of the last one."""
        batch = self._changelog.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise BrokerError(
                    f"changelog {topic}[{partition}]: {len(records)} records do not fit into one batch of {MAX_BATCH} "
                    "bytes, so the state can't be written whole; lower the setting `batch` or the profile's `window`"
                )
        self.changelog_bytes += batch.size()
        sent = await self._send(self._changelog, batch, topic, partition)
        return int((await sent).offset) + len(records) - 1
