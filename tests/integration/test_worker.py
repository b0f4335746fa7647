"""The worker on a real broker: what it writes is what a replay says, whatever happens to its processes."""

import uuid
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import orjson
import pytest
from card_stream import PROFILE, events, profile, scorer
from deployment import PARTITIONS, Deployment, Feed, ends, produce, read, wait_for
from jsonschema import Draft202012Validator
from kafka import KafkaAdminClient

from stream.events import decode
from stream.partitioner import partition_of
from stream.replay import Replay

pytestmark = pytest.mark.kafka

COUNT = 4000
BAD = {b"broken{": "not-json", b"[1]": "not-an-object", b'{"card":"c1"}': "missing-time"}
Deploy = Callable[..., Deployment]


@pytest.fixture(scope="module")
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=kafka) as client:
        yield client


@pytest.fixture(scope="module")
def sources(admin: KafkaAdminClient) -> Iterator[Callable[[], str]]:
    """Makes empty input topics."""
    made: list[str] = []

    def make() -> str:
        made.append(f"events-{uuid.uuid4().hex[:8]}")
        wanted = {"num_partitions": PARTITIONS, "replication_factor": 1}
        admin.create_topics({made[-1]: wanted}, wait_for_metadata=True)
        return made[-1]

    yield make
    admin.delete_topics(made)


@pytest.fixture(scope="module")
def filled(kafka: str, sources: Callable[[], str]) -> str:
    """An input topic that holds all events, and then the bad records."""
    name = sources()
    produce(kafka, name, events(COUNT))
    produce(kafka, name, [(b"k", value) for value in BAD])
    return name


@pytest.fixture
def deploy(kafka: str, admin: KafkaAdminClient, tmp_path: Path) -> Iterator[Deploy]:
    made: list[Deployment] = []
    described = tmp_path / "often.yaml"
    described.write_text(PROFILE)

    def make(source: str, **settings: object) -> Deployment:
        made.append(Deployment(kafka, described, source, admin, **settings))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()


def expected(topic: str) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    """Key and body of every alert that a replay finds in all events, by its partition and offset."""
    batch, _ = decode(profile(), None, [value for _, value in events(COUNT)], np.arange(COUNT))
    scored = Replay(profile(), scorer(), topic=topic, partitions=PARTITIONS).on_batch(batch)
    return {(alert.source.partition, alert.offset): (alert.key, alert.body()) for _, alert in scored.alerts}


def written(kafka: str, deployment: Deployment) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    """The same of the alerts topic. A repeat must be the same record."""
    alerts: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    for record in read(kafka, deployment.alerts):
        source = orjson.loads(record.value)["source"]
        place = source["partition"], source["offset"]
        assert alerts.setdefault(place, (record.key, record.value)) == (record.key, record.value)
    return alerts


@pytest.fixture
def feed(kafka: str) -> Iterator[Callable[[str], Feed]]:
    """Begins to produce all events into a topic."""
    begun: list[Feed] = []

    def begin(topic: str) -> Feed:
        begun.append(Feed(kafka, topic, events(COUNT)))
        return begun[-1]

    yield begin
    for each in begun:
        each.finish()


def test_events_become_explained_alerts_and_dead_letters(kafka: str, filled: str, deploy: Deploy) -> None:
    deployment = deploy(filled)
    worker = deployment.start()
    deployment.settle()
    assert worker.stop() == 0, worker.log
    schema = Draft202012Validator(orjson.loads((files("stream") / "alert.schema.json").read_bytes()))
    alerts = read(kafka, deployment.alerts)
    assert len(alerts) > 100
    for record in alerts:
        body, headers = orjson.loads(record.value), dict(record.headers)
        schema.validate(body)
        assert record.key == body["entity"].encode()
        assert headers["ce_id"] == body["id"].encode()
        assert all(reason["text"] for reason in body["reasons"])
    dead = read(kafka, deployment.dead_letters)
    assert {record.value: dict(record.headers)["reason"].decode() for record in dead} == BAD
    last = {partition: end - 1 for partition, end in ends(kafka, filled).items()}
    place = [dict(record.headers) for record in dead]
    assert {header["topic"] for header in place} == {filled.encode()}
    assert max(int(header["offset"]) for header in place) == last[partition_of(b"k", PARTITIONS)]
    assert {record.key for record in dead} == {b"k"}


@pytest.mark.parametrize(("batch", "workers"), [(7, 2), (256, 1), (2048, 2)])
def test_scores_are_those_of_a_replay(
    kafka: str, filled: str, deploy: Deploy, batch: int, workers: int
) -> None:
    deployment = deploy(filled, batch=batch)
    for number in range(workers):
        deployment.start(f"worker-{number}")
    deployment.settle()
    assert written(kafka, deployment) == expected(filled)


def test_a_killed_worker_changes_nothing(kafka: str, filled: str, deploy: Deploy) -> None:
    deployment = deploy(filled, batch=16)
    for _ in range(2):
        before = sum(ends(kafka, deployment.alerts).values())
        worker = deployment.start()
        wait_for(lambda before=before: sum(ends(kafka, deployment.alerts).values()) > before, "alerts")
        worker.kill()
    assert deployment.committed() != ends(kafka, filled)
    deployment.start()
    deployment.settle()
    assert written(kafka, deployment) == expected(filled)


def test_a_worker_asked_to_stop_finishes_what_it_read(
    kafka: str, sources: Callable[[], str], deploy: Deploy, feed: Callable[[str], Feed]
) -> None:
    source = sources()
    deployment = deploy(source, batch=64)
    feeding = feed(source)
    worker = deployment.start()
    wait_for(lambda: sum(deployment.committed().values()) > 0.6 * COUNT, "the worker to keep up")
    assert worker.stop() == 0, worker.log
    committed = deployment.committed()
    assert feeding.trickles
    whole = expected(source)
    until = {place: alert for place, alert in whole.items() if place[1] < committed[place[0]]}
    assert 0 < len(until) < len(whole)
    assert written(kafka, deployment) == until
    feeding.finish()
    deployment.start()
    deployment.settle()
    assert written(kafka, deployment) == whole
    assert len(read(kafka, deployment.alerts)) == len(whole), "an alert was repeated"


def test_a_worker_that_joins_and_leaves_changes_nothing(
    kafka: str, sources: Callable[[], str], deploy: Deploy, feed: Callable[[str], Feed]
) -> None:
    source = sources()
    deployment = deploy(source, batch=64)
    feeding = feed(source)
    stays = deployment.start("stays")
    wait_for(lambda: stays.running, "the first worker")
    guest = deployment.start("guest")
    wait_for(lambda: guest.running, "the second worker")
    assert feeding.trickles
    assert guest.stop() == 0, guest.log
    feeding.finish()
    deployment.settle()
    assert written(kafka, deployment) == expected(source)


def test_state_of_another_profile_is_refused(kafka: str, filled: str, deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy(filled)
    worker = deployment.start()
    deployment.settle()
    assert worker.stop() == 0
    changed = tmp_path / "changed.yaml"
    changed.write_text(PROFILE.replace("window: 8", "window: 16"))
    refused = deployment.start(profile=changed)
    assert refused.process.wait(30) != 0
    assert "set a new application_id" in refused.log
