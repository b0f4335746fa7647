"""Worker processes of one application on a topic of their own, fed by the test, and what they wrote."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

ONSIGHT = Path(sys.executable).with_name("onsight")
PARTITIONS = 4
PATIENCE = 40.0  # seconds
TRICKLE = 80.0  # events a second


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Poll until `condition` gives something true; fail after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain for {what}"
        time.sleep(0.05)
    return found


class Worker:
    """One `onsight worker`, its standard error in a file. `sabotage` is Python that its process runs first.

    What it leaves in the temporary folder when it is killed as it starts lies beside the log.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, sabotage: str = "") -> None:
        self._log = log
        command = [sys.executable, "-c", f"{sabotage}\nfrom stream.cli import main; main()"]
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [*(command if sabotage else [ONSIGHT]), "worker"],
                env={**os.environ, **environment, "TMPDIR": str(log.parent)},
                stdout=file,
                stderr=file,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def running(self) -> bool:
        """Whether it has handled events."""
        assert self.process.poll() is None, self.log
        return "first run of events" in self.log

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to leave; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended by itself."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {PATIENCE:.0f} s:\n{self.log}") from None


class Deployment:
    """An application with topics of its own; `workers` are its processes so far, dead ones too.

    `end` says how many records each partition of the input holds, `committed` how many of them are done.
    """

    def __init__(self, kafka: str, profile: Path, source: str, admin: KafkaAdminClient, **settings: object):
        self.name = f"app-{uuid.uuid4().hex[:8]}"
        self.source, self.alerts, self.dead_letters = source, f"alerts-{self.name}", f"dead-{self.name}"
        self.verdicts = f"verdicts-{self.name}"
        self.workers: list[Worker] = []
        self._kafka, self._admin, self._folder = kafka, admin, profile.parent
        wanted = {"num_partitions": 1, "replication_factor": 1}
        made = dict.fromkeys((self.alerts, self.dead_letters, self.verdicts), wanted)
        admin.create_topics(made, wait_for_metadata=True)
        named = {
            "kafka": kafka,
            "application_id": self.name,
            "profile": profile,
            "input_topic": source,
            "alerts_topic": self.alerts,
            "dead_letters_topic": self.dead_letters,
            "verdicts_topic": self.verdicts,
            "session_timeout": 6,
            **settings,
        }
        self.environment = {f"ONSIGHT_{key.upper()}": str(value) for key, value in named.items()}

    def start(self, instance: str = "one", *, sabotage: str = "", **settings: object) -> Worker:
        """Start a worker under the name of a static group member, or as any member where that is empty."""
        own = {f"ONSIGHT_{key.upper()}": str(value) for key, value in settings.items()}
        log = self._folder / f"{self.name}-{len(self.workers)}.log"
        environment = {**self.environment, "ONSIGHT_INSTANCE_ID": instance, **own}
        self.workers.append(Worker(environment, log, sabotage))
        return self.workers[-1]

    def committed(self, topic: str | None = None) -> dict[int, int]:
        """How many records of each partition of a topic (the input) the group has committed."""
        try:
            offsets = self._admin.list_group_offsets(self.name)[self.name]
        except KafkaError as error:
            if error.retriable:  # a fresh broker, or a fresh group
                return {}
            raise
        return {
            tp.partition: found.offset for tp, found in offsets.items() if tp.topic == (topic or self.source)
        }

    def settle(self) -> None:
        """Wait until all that is in the input is done, and its offsets committed."""

        def done() -> bool:
            alive = [worker for worker in self.workers if worker.process.poll() is None]
            assert alive, self.workers[-1].log
            return self.committed() == ends(self._kafka, self.source)

        wait_for(done, f"{self.name} to be done")

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        ours = [name for name in self._admin.list_topics() if self.name in name]
        self._admin.delete_topics(ours)


def ends(kafka: str, topic: str) -> dict[int, int]:
    """How many records each partition of a topic holds, empty ones left out."""
    with KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        return {tp.partition: end for tp, end in consumer.end_offsets(partitions).items() if end}


def read(kafka: str, topic: str) -> list[Any]:
    """All records of a topic as it is now, by partition and offset."""
    left = sum(ends(kafka, topic).values())
    records: list[Any] = []
    with KafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", fetch_max_bytes=1 << 26
    ) as consumer:
        deadline = time.monotonic() + PATIENCE
        while len(records) < left:
            assert time.monotonic() < deadline, f"{len(records)} of {left} records of {topic} could be read"
            for some in consumer.poll(200).values():
                records += some
    return sorted(records, key=lambda record: (record.partition, record.offset))


def produce(kafka: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
    """Send records as Kafka's own producer partitions them."""
    with KafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
        for key, value in records:
            producer.send(topic, value, key=key)
        producer.flush()


class Feed:
    """Produces more than half of `records` at once, then a trickle until `finish`, which sends the rest."""

    def __init__(self, kafka: str, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
        self._records, self._hurry = records, threading.Event()
        self._thread = threading.Thread(target=produce, args=(kafka, topic, self._paced()), daemon=True)
        self._thread.start()

    def _paced(self) -> Iterator[tuple[bytes, bytes]]:
        for number, record in enumerate(self._records):
            if number > 0.6 * len(self._records):
                self._hurry.wait(1 / TRICKLE)
            yield record

    @property
    def trickles(self) -> bool:
        return self._thread.is_alive()

    def finish(self) -> None:
        self._hurry.set()
        self._thread.join()
