"""The models topic as a worker follows it: read, verified and loaded by a thread of its own, off the event path.

The thread makes a new `Lineup` whenever the topic names other models, and swaps it in whole: what it can't verify is
refused with its reason, and the models at work go on.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from stream.artifact import open_artifact, trusted_keys
from stream.errors import ArtifactError, BrokerError, ContractError, DigestError
from stream.job.model_topic import models_consumer
from stream.job.status import CRASHED
from stream.lineup import Lineup
from stream.model_log import ModelLog, Published, Roles
from stream.notices import Notice, refusal
from stream.scorer import Scorer
from stream.settings import Settings

log = logging.getLogger("onsight")

POLL_MS = 1000
LOOK_SECONDS = 30.0  # between looks for a topic that is not there, or brokers that don't answer


class ModelFeed:
    """`lineup` and `scorers` are replaced whole by the thread, and may be read at any time.

    lineup:   the models to use now
    scorers:  all that are loaded, by digest: the live one, the shadow, the previous one and the worker's own
    refusals: what was refused, for whoever tells it; refused: how many that the topic names are not used
    since:    when the live model became so, on the monotonic clock
    ready:    set once the topic has been read to its end
    """

    def __init__(self, settings: Settings, profile: str, own: Scorer, load: Callable[[Any], Scorer]) -> None:
        self._settings, self._own, self._load = settings, own, load
        self._log = ModelLog(profile)
        self._told: set[str] = set()
        self._asked, self._answered = threading.Event(), threading.Event()
        self.lineup = Lineup(own)
        self.scorers: Mapping[str, Scorer] = {own.digest: own}
        self.refusals: deque[Notice] = deque()
        self.refused = 0
        self.since = time.monotonic()
        self.ready = threading.Event()

    def start(self) -> None:
        """Follow the topic from now on."""
        threading.Thread(target=self._run, name="models", daemon=True).start()

    def catch_up(self) -> None:
        """Wait until all that is on the topic by now has been read and loaded, if the brokers answer."""
        self._answered.clear()
        self._asked.set()
        self._answered.wait(LOOK_SECONDS)

    def _run(self) -> None:
        try:
            while True:
                try:
                    self._follow()
                except BrokerError as error:
                    log.warning("the models topic can't be read for now: %s", error)
                self._settled()
                time.sleep(LOOK_SECONDS)
        except BaseException as error:
            log.critical("the thread that loads models crashed: %s", error, exc_info=error)
            logging.shutdown()
            os._exit(CRASHED)

    def _follow(self) -> None:
        """Follow the topic for ever; return where there is none. Raises BrokerError."""
        with models_consumer(self._settings) as (consumer, partition):
            if partition is None:
                if not self.ready.is_set():
                    log.warning(
                        "topic %r not found, or not open to this user: no model will come by it; "
                        "`onsight topics create` makes it",
                        self._settings.models_topic,
                    )
                return
            news = False
            while True:
                if self._asked.is_set() or not self.ready.is_set():
                    self._asked.clear()
                    news |= self._read_to(consumer, partition, consumer.end_offsets([partition])[partition])
                    if news:
                        self._reconsider()
                    self._settled()
                news = self._poll(consumer)
                if news:
                    self._reconsider()

    def _settled(self) -> None:
        self.ready.set()
        self._answered.set()

    def _read_to(self, consumer: Any, partition: Any, end: int) -> bool:
        news = False
        while consumer.position(partition) < end:
            news |= self._poll(consumer)
        return news

    def _poll(self, consumer: Any) -> bool:
        """Take the records that come within a second; whether one was of our profile."""
        records = [record for some in consumer.poll(timeout_ms=POLL_MS).values() for record in some]
        return sum(self._log.hear(record.key, record.value) for record in records) > 0  # hear them all

    def _reconsider(self) -> None:
        """Load what the topic names now, and then let it be used."""
        try:
            roles = self._log.roles
        except ArtifactError as error:
            self._refuse("", "roles", error)
            self.refused = 1
            return
        loaded = self._loaded(roles)
        self.refused = len(roles.models) - len(loaded)
        self.scorers = {self._own.digest: self._own, **loaded}
        shadow = loaded.get(roles.shadow.digest) if roles.shadow else None
        lineup = Lineup(self._live(roles, loaded), shadow)
        if lineup != self.lineup:
            if lineup.live is not self.lineup.live:
                self.since = time.monotonic()
            self.lineup = lineup
            live, shadow_digest = lineup.digests
            log.info(
                "models at work from the next runs of events on: live %s, shadow %s", live, shadow_digest
            )

    def _loaded(self, roles: Roles) -> dict[str, Scorer]:
        """A scorer of each model that has a role and can be trusted, by digest; those there already are kept."""
        loaded = {}
        for role, model in (("live", roles.live), ("shadow", roles.shadow), ("previous", roles.previous)):
            if model and model.digest not in loaded:
                try:
                    loaded[model.digest] = self.scorers.get(model.digest) or self._open(model)
                except ArtifactError as error:
                    self._refuse(model.digest, role, error)
        return loaded

    def _open(self, model: Published) -> Scorer:
        trusted = trusted_keys(self._settings.trusted_keys)
        source = f"{self._settings.models_topic}/{model.name}"
        artifact = open_artifact(self._log.files(model), source, trusted=trusted)
        if artifact.digest != model.digest:
            raise DigestError(f"{source}: its manifest is {artifact.digest}, expected {model.digest}.")
        try:
            return self._load(artifact)
        except ArtifactError:
            raise
        except Exception as error:
            # Whatever ONNX Runtime says of a graph, it must not end a worker that has a model to go on with.
            raise ContractError(f"{source} can't be loaded ({type(error).__name__}: {error}).") from error

    def _live(self, roles: Roles, loaded: Mapping[str, Scorer]) -> Scorer:
        """The live model; where it was refused the one at work, and at the start the one before it."""
        if roles.live is None:
            return self._own
        if roles.live.digest in loaded:
            return loaded[roles.live.digest]
        if self.ready.is_set():
            return self.lineup.live
        return loaded.get(roles.previous.digest, self._own) if roles.previous else self._own

    def _refuse(self, digest: str, role: str, error: ArtifactError) -> None:
        """Say once why a model is not used."""
        notice = refusal(self._log.profile, digest, role, error)
        if notice.id not in self._told:
            self._told.add(notice.id)
            self.refusals.append(notice)
            log.error("a model was refused, the models at work go on: %s", error)
