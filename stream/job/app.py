"""The worker: a Faust app of one agent and one table, and how it starts, commits, and ends."""

import asyncio
import logging
import os
import tempfile
from typing import Any

import faust
from faust.types import TP

from stream.alerts import Source
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.events import Decoder, Limits
from stream.job.connection import client_arguments, credentials, partition_count
from stream.job.partition import Partition
from stream.job.sink import MAX_BATCH, Sink
from stream.job.stages import Stages
from stream.job.store import SCHEME, PartitionStore
from stream.job.transport import RunConsumer, RunTransport
from stream.profile import Profile, load
from stream.scorer import Scorer
from stream.settings import Settings

log = logging.getLogger("onsight")

RELEASE_EVERY = 1.0  # seconds between commits
RECOVERY_RUNS = 8  # runs of changelog records held before they are applied; 1 means something else to Faust
CRASHED = 70  # exit status (EX_SOFTWARE)


def _app(settings: Settings) -> faust.App:
    """Faust with its web server off, and its own commits unused: offsets are released by the job."""
    app = faust.App(
        settings.application_id,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
        broker_credentials=credentials(settings),
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=max(90.0, settings.session_timeout + 5),
        broker_max_poll_records=2 * settings.batch,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        consumer_max_fetch_size=4 << 20,
        datadir=tempfile.mkdtemp(prefix="onsight-"),
        key_serializer="raw",
        value_serializer="raw",
        stream_buffer_maxsize=4,
        stream_wait_empty=False,
        table_standby_replicas=settings.standby_replicas,
        topic_disable_leader=True,
        topic_replication_factor=settings.replication,
        web_enabled=False,
    )
    RunConsumer.run_limit = settings.batch
    app.transport = RunTransport(app.conf.broker, app)
    return app


class Job:
    """Everything one worker process holds, put together from its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.profile: Profile = load(settings.profile)
        artifact = load_artifact(settings.artifact or shipped())
        self.scorer = Scorer(
            artifact, self.profile.category, self.profile.direction, threads=settings.threads
        )
        self.scorer.warm_up(self.profile.window, self.profile.peers)
        self.stages = Stages()
        self.count = partition_count(settings, settings.input_topic)
        self.app = _app(settings)
        self.sink = Sink(settings, client_arguments(settings))
        limits = Limits(settings.max_record_bytes, settings.max_depth, require_key=not settings.route)
        self.decoder = Decoder(self.profile, limits)
        self.table = self.app.Table(
            "state",
            store=f"{SCHEME}://arena",
            partitions=self.count,
            options={"make": self._partition, "fail": self.fail},
            key_type=bytes,
            value_type=bytes,
            recovery_buffer_size=RECOVERY_RUNS,
            extra_topic_configs={"max.message.bytes": str(MAX_BATCH + 4096)},
        )
        self._released: dict[TP, int] = {}
        self._connect()

    @property
    def store(self) -> PartitionStore:
        store: PartitionStore = self.table.data
        return store

    def _partition(self, number: int) -> Partition:
        detector = Detector(
            self.profile,
            self.scorer,
            Source(self.settings.input_topic, number),
            share=1.0 / self.count,
            max_keys=self.settings.max_keys,
            lap=self.stages.lap,
        )
        changelog = self.table.changelog_topic.get_topic_name()
        return Partition(detector, self.decoder, self.sink, changelog, self.stages, self.fail)

    def _connect(self) -> None:
        """Tie the agent and the signals to this job."""
        app = self.app
        source = app.topic(
            self.settings.input_topic, key_serializer="raw", value_serializer="raw", acks=False
        )

        @app.agent(source)
        async def detect(stream: Any) -> None:
            await self.sink.start()
            async for event in stream.events():
                try:
                    await self.store.partition(event.message.partition).on_run(event.message.value)
                except Exception as error:
                    # Faust would acknowledge the run and go on without it.
                    self.fail(error)

        @app.task
        async def release() -> None:
            while not app.should_stop:
                await asyncio.sleep(RELEASE_EVERY)
                if not app.rebalancing:
                    await self.release()

        @app.on_partitions_revoked.connect
        async def _revoked(*_args: Any, **_kwargs: Any) -> None:
            await self.drain()

        @app.on_before_shutdown.connect
        async def _shutdown(*_args: Any, **_kwargs: Any) -> None:
            await self.drain()
            await self.sink.stop()
            log.info("done", extra={"summary": self.stages.summary()})

    async def release(self) -> None:
        """Commit the offsets whose alerts and state are acknowledged."""
        topic = self.settings.input_topic
        offsets = {
            TP(topic, number): partition.released
            for number, partition in self.store.partitions.items()
            if partition.released is not None
        }
        fresh = {tp: offset for tp, offset in offsets.items() if self._released.get(tp) != offset}
        if fresh:
            await self.app.consumer.release(fresh)
            self._released.update(fresh)

    async def drain(self) -> None:
        """Write and release all that has been scored: before a partition goes, and at the end."""
        await self.store.drain()
        await self.release()

    def fail(self, error: BaseException) -> None:
        """End the process: state and offsets are in Kafka, and a restart goes on from there."""
        log.critical("stopping: %s: %s", type(error).__name__, error, exc_info=error)
        logging.shutdown()
        os._exit(CRASHED)
