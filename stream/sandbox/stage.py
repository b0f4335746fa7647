"""Where the demo plays: brokers, and topics of its own that go when it ends."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from stream.job.clients import admin_client
from stream.job.topics import create_topics, topic_specs
from stream.sandbox.broker import Broker
from stream.settings import Settings, load_settings

PROFILE = Path(__file__).with_name("demo.yaml")
PARTITIONS = 2
TOPICS = ("input", "alerts", "dead_letters", "verdicts", "models")


@contextmanager
def stage(say: Callable[[str], None]) -> Iterator[Settings]:
    """Settings of a run, whose topics exist while the block runs.

    On the brokers that the environment or the settings file names, else on a throw-away one.
    """
    with _kafka(say) as kafka:
        name = f"onsight-demo-{uuid.uuid4().hex[:8]}"
        topics: dict[str, Any] = {f"{kind}_topic": f"{name}.{kind.replace('_', '-')}" for kind in TOPICS}
        settings = load_settings(
            kafka=kafka, application_id=name, profile=str(PROFILE), partitions=PARTITIONS, **topics
        )
        with _topics(settings):
            yield settings


def changed(settings: Settings) -> dict[str, object]:
    """What a worker of this run is told beside the environment that it inherits."""
    names = ("kafka", "application_id", "profile", "partitions", *(f"{kind}_topic" for kind in TOPICS))
    return {name: getattr(settings, name) for name in names}


@contextmanager
def _kafka(say: Callable[[str], None]) -> Iterator[str]:
    given = load_settings()
    if "kafka" in given.model_fields_set:
        say(f"using the brokers at {given.kafka}")
        yield given.kafka
        return
    say("starting a throw-away Apache Kafka (the first time: fetching 45 MB)")
    with Broker.start() as broker:
        yield broker.bootstrap


@contextmanager
def _topics(settings: Settings) -> Iterator[None]:
    """The topics of this run, removed at the end with all that a worker makes."""
    specs = [
        replace(spec, configs={**spec.configs, "message.timestamp.type": "LogAppendTime"})
        if spec.name == settings.alerts_topic
        else spec
        for spec in topic_specs(settings)
    ]
    from kafka.errors import KafkaError

    with admin_client(settings) as admin:
        create_topics(admin, specs)
        try:
            yield
        finally:
            mine = settings.application_id
            admin.delete_topics([name for name in admin.list_topics() if name.startswith(mine)])
            # A worker that had to be killed is a member until its session ends, and the broker forgets it later.
            with suppress(KafkaError):
                admin.delete_groups([mine])
