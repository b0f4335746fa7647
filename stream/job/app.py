"""The worker: a Faust app with its agents and its table of state, put together from the settings; and how it ends."""

import asyncio
import logging
import os
from typing import Any, NoReturn

import orjson
from faust.types import TP

from stream.alerts import Source
from stream.artifact import Artifact, load_artifact, shipped, trusted_keys
from stream.detector import Detector
from stream.drift_reference import reference_for
from stream.errors import BrokerError
from stream.job.clients import client_arguments
from stream.job.commits import Commits
from stream.job.connection import partition_count
from stream.job.faust_app import faust_app
from stream.job.model_feed import ModelFeed
from stream.job.models import Models
from stream.job.partition import Partition
from stream.job.pulse import Pulse
from stream.job.router import Router
from stream.job.sink import MAX_BATCH, Sink
from stream.job.source_decoder import source_decoder
from stream.job.stages import Stages, Stopwatch
from stream.job.status import CRASHED, REPLACED, UNAVAILABLE
from stream.job.store import SCHEME, PartitionStore
from stream.job.strays import strays
from stream.job.telling import Telling
from stream.job.topic_identity import TopicIdentity
from stream.job.topic_watch import TopicWatch
from stream.job.traces import spans
from stream.job.verdict_feed import VerdictFeed
from stream.profile import load
from stream.scorer import Scorer
from stream.settings import Settings

log = logging.getLogger("onsight")

LOOK_EVERY = 10.0  # seconds between looks for entities in two partitions
RECOVERY_RUNS = 8  # runs of changelog records held before they are applied; 1 means something else to Faust
# Only closed segments are compacted: small ones keep what a restart must read near the size of the state itself.
CHANGELOG = {
    "max.message.bytes": str(MAX_BATCH + 4096),
    "segment.bytes": str(64 << 20),
    "min.cleanable.dirty.ratio": "0.2",
}


class Job:
    """Everything one worker process holds, put together from its settings.

    drained: whether it was stopped, and left nothing undone
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.profile = load(settings.profile)
        trusted = trusted_keys(settings.trusted_keys)
        own = self._scorer(load_artifact(settings.artifact or shipped(), trusted=trusted))
        feed = ModelFeed(settings, self.profile.name, own, self._scorer)
        self.models = Models(feed, self._source_end, settings.batch)
        self.stages = Stages()
        self._span, self._end_traces = spans(settings)
        self.sink = Sink(settings, client_arguments(settings))
        others = settings.alerts_topic, settings.dead_letters_topic, settings.verdicts_topic
        self.count = partition_count(settings, settings.input_topic, *others)
        self.app = faust_app(settings)
        self.topic = settings.source_topic
        self.decoder = source_decoder(settings, self.profile)
        self.router = Router(
            self.decoder, self.sink, settings.input_topic, self.topic, self.count, self.stages
        )
        self.pulse = Pulse(self, settings.stall_seconds)
        self.drained = False
        self.table = self.app.Table(
            "state",
            store=f"{SCHEME}://arena",
            partitions=self.count,
            options={"make": self._partition, "fail": self.fail},
            key_type=bytes,
            value_type=bytes,
            recovery_buffer_size=RECOVERY_RUNS,
            extra_topic_configs=CHANGELOG,
        )
        self.verdicts = VerdictFeed(self)
        self.commits = Commits(self)
        self._connect()
        feed.start()
        TopicIdentity(settings, settings.verdicts_topic, self.fail).start()

    @property
    def store(self) -> PartitionStore:
        """The partitions that this worker holds."""
        store: PartitionStore = self.table.data
        return store

    def served(self) -> list[tuple[int, Partition]]:
        """The source partitions that this worker serves, by number; those that it is a standby for are left out."""
        ours = {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self.topic}
        return [(number, held) for number, held in self.store.partitions.items() if number in ours]

    def _scorer(self, artifact: Artifact) -> Scorer:
        """The model of an artifact, its golden scores compared, ready for the first event. Raises ArtifactError."""
        reference_for(self.profile, artifact.manifest.drift, artifact.source)
        return Scorer.for_profile(artifact, self.profile, threads=self.settings.threads)

    async def _source_end(self, number: int) -> int:
        """Where a source partition ends now."""
        tp = TP(self.topic, number)
        return int((await self.app.consumer.highwaters(tp))[tp])

    def _partition(self, number: int) -> Partition:
        watch = Stopwatch(self.stages)
        detector = Detector(
            self.profile,
            self.models.feed.lineup.live,
            Source(self.topic, number),
            share=1.0 / self.count,
            max_keys=self.settings.max_keys,
            lap=watch.lap,
        )
        changelog = self.table.changelog_topic.get_topic_name()
        return Partition(
            detector, self.decoder, self.sink, changelog, self.stages, watch, self.fail, self._span
        )

    def _connect(self) -> None:
        """Tie agents, tasks and signals to this job."""
        app, route = self.app, self.settings.route
        source = app.topic(self.topic, partitions=self.count, internal=route, acks=False)
        app.agent(source, name="detect")(self._detect)
        if route:
            app.agent(app.topic(self.settings.input_topic, acks=False), name="route")(self._route)
        app.task(self.commits.run)
        app.task(self._look_for_strays)
        app.task(self.verdicts.run)
        app.task(TopicWatch(self).run)
        app.task(Telling(self).run)
        app.task(self.pulse.look)
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_before_shutdown.connect(self._on_shutdown)

    async def _detect(self, stream: Any) -> None:
        await self.start_sink()
        fresh = True
        async for event in stream.events():
            if fresh:
                log.info("first run of events after the start")
                fresh = False
            partition = self.store.partition(event.message.partition)
            try:
                await self.models.settle(partition)
                await partition.on_run(event.message.value)
            except Exception as error:
                # Faust would acknowledge the run and go on without it.
                self.fail(error)

    async def start_sink(self) -> None:
        """Connect what writes, once, or end the process."""
        try:
            await self.sink.start()
        except Exception as error:
            # Faust would start the agent again and again.
            self.fail(error)

    async def _route(self, stream: Any) -> None:
        await self.start_sink()
        async for event in stream.events():
            try:
                await self.router.on_run(event.message.partition, event.message.value)
            except Exception as error:
                self.fail(error)

    async def _look_for_strays(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(LOOK_EVERY)
            held = {number: p.detector.windows.slots for number, p in self.store.partitions.items()}
            if found := strays(held):
                log.warning(
                    "%s of topic %s hold events of the same %s: its window is torn in two; key the source's "
                    "records by it, or set route=true",
                    f"partitions {', '.join(map(str, found))}",
                    self.topic,
                    self.profile.noun,
                )
                return

    async def _on_revoked(self, *_args: Any, **_kwargs: Any) -> None:
        if self.settings.instance_id and not self.app.should_stop and self.app.consumer.place_lost:
            # Joining again would throw out whoever has its name now, and so on for ever.
            self._end(
                REPLACED,
                f"stopping: the place of instance_id {self.settings.instance_id!r} in the group is no longer this "
                "worker's: another one has that name, or the brokers did not hear from this one for "
                f"{self.settings.session_timeout:g} s",
            )
        await self.drain()

    async def _on_shutdown(self, *_args: Any, **_kwargs: Any) -> None:
        await self.drain()
        await self.sink.stop()
        await asyncio.to_thread(self._end_traces)
        self.drained = not self.app.crashed
        log.info(
            "done: %s", orjson.dumps(self.stages.summary()).decode(), extra={"summary": self.stages.summary()}
        )

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Feel the pulse of the loop from its first turn on: Faust starts its tasks after the recovery."""

        def ended(beating: asyncio.Task[None]) -> None:
            if not beating.cancelled() and (error := beating.exception()):
                self.fail(error)

        loop.create_task(self.pulse.beat()).add_done_callback(ended)

    async def drain(self) -> None:
        """Write and release all that has been scored: before a partition goes, and at the end."""
        await self.store.drain()
        await self.commits.commit()

    def fail(self, error: BaseException) -> None:
        """End the process: state and offsets are in Kafka, and a restart goes on from there."""
        status = UNAVAILABLE if isinstance(error, BrokerError) else CRASHED
        self._end(status, f"stopping: {error}", error)

    def _end(self, status: int, why: str, error: BaseException | None = None) -> NoReturn:
        log.critical("%s", why, exc_info=error)
        logging.shutdown()
        os._exit(status)
