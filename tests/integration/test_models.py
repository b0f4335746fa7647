"""Models that come by Kafka: taken up without a restart, refused, tried, promoted, rolled back, kept over a crash."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from card_stream import events
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import Deployment, produce, read, wait_for
from jsonschema import Draft202012Validator
from kafka import KafkaAdminClient
from test_worker import admin, deploy, sources

from export.cli import cli as export
from export.knn import RECIPE, SOURCES, build
from export.package import make_keys, read_private_key, write_artifact
from stream.artifact import load_artifact, read_folder, shipped
from stream.cli.main import cli as onsight
from stream.job.model_topic import change_roles, read_log
from stream.model_log import describe
from stream.notices import REFUSED
from stream.settings import Settings

__all__ = ["admin", "deploy", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

COUNT = 12_000  # another live model alerts only after an epoch of each partition
PROFILE_NAME = "often"
OWN = load_artifact(shipped()).digest
OTHER = load_artifact(shipped("onsight")).digest
Deploy = Callable[..., Deployment]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pair of keys; the public one is also alone in the folder `trusted`."""
    private, public = make_keys(tmp_path_factory.mktemp("keys"))
    (private.parent / "trusted").mkdir()
    shutil.copy(public, private.parent / "trusted")
    return private.parent


@pytest.fixture(scope="module")
def second(key: Path) -> Path:
    """The nearest-neighbour artifact as a version of its own."""
    return made(key / "second", read_private_key(key / "private.pem"), "2")


def made(folder: Path, key: Ed25519PrivateKey, version: str) -> Path:
    write_artifact(folder, build(), key, name="knn", version=version, recipe=RECIPE, sources=SOURCES)
    return folder


def digest(folder: Path) -> str:
    return describe_folder(folder)[0].digest


def describe_folder(folder: Path) -> tuple[Any, dict[str, bytes]]:
    files = read_folder(folder)
    keys = [read_private_key(folder.parent / "private.pem").public_key()]
    return describe(load_artifact(folder, trusted=keys), files), files


class Stream:
    """A deployment with models, and its events in parts."""

    def __init__(self, kafka: str, deployment: Deployment, admin: KafkaAdminClient, key: Path) -> None:
        self.kafka, self.deployment, self.key = kafka, deployment, key
        self.models = f"models-{deployment.name}"
        compact = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "compact"}}
        admin.create_topics({self.models: compact}, wait_for_metadata=True)
        deployment.environment |= {
            "ONSIGHT_MODELS_TOPIC": self.models,
            "ONSIGHT_TRUSTED_KEYS": str(key / "trusted"),
        }
        self._sent = 0

    @property
    def settings(self) -> Settings:
        given = {name.removeprefix("ONSIGHT_").lower(): v for name, v in self.deployment.environment.items()}
        return Settings(**given)

    def send(self, upto: float) -> None:
        """Produce the events up to this part of all, and wait until they are done."""
        upto = round(upto * COUNT)
        produce(self.kafka, self.deployment.source, events(COUNT)[self._sent : upto])
        self._sent = upto
        self.deployment.settle()

    def publish(self, folder: Path, *words: str) -> None:
        words = ("publish", str(folder), "--key", str(self.key / "public.pem"), *words)
        self._run(export, words)

    def publish_own(self, folder: Path, *words: str) -> None:
        """One that the package's own key signed."""
        self._run(export, ("publish", str(folder), *words))

    def onsight(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self._run(onsight, ("models", *words, "--json")))
        return found

    def _run(self, group: Any, words: Sequence[str]) -> str:
        result = CliRunner().invoke(
            group, list(words), env=self.deployment.environment, catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.stdout

    def await_models(self, live: str, shadow: str | None = None) -> None:
        """Wait until the newest worker has these at hand."""
        text = f"live {live}, shadow {shadow}"
        wait_for(lambda: told_last(self.deployment.workers[-1].log) == text, text)

    def digests(self) -> dict[int, list[str]]:
        """The models of the alerts of each partition, in the order of the events; each event has one model."""
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for body in self.alerts():
            place, model = body["source"], body["model"]["digest"]
            assert found[place["partition"]].setdefault(place["offset"], model) == model
        return {partition: [of[offset] for offset in sorted(of)] for partition, of in found.items()}

    def alerts(self) -> list[dict[str, Any]]:
        return [
            orjson.loads(record.value)
            for record in read(self.kafka, self.deployment.alerts)
            if dict(record.headers)["ce_type"].startswith(b"dev.onsight.alert")
        ]

    def notices(self) -> list[Any]:
        return [
            record
            for record in read(self.kafka, self.deployment.alerts)
            if not dict(record.headers)["ce_type"].startswith(b"dev.onsight.alert")
        ]


def told_last(log: str) -> str:
    return log.rpartition("from the next runs of events on: ")[2].partition('"')[0].strip().partition("\n")[0]


@pytest.fixture
def stream(
    kafka: str, admin: KafkaAdminClient, deploy: Deploy, sources: Callable[[], str], key: Path
) -> Iterator[Stream]:
    yield Stream(kafka, deploy(sources()), admin, key)


def turns(models: Sequence[str]) -> list[str]:
    """The models one after the other, each as often as it was taken up."""
    return [*models[:1], *(b for a, b in pairwise(models) if a != b)]


def test_a_published_model_is_taken_up_without_a_restart(stream: Stream, second: Path) -> None:
    worker = stream.deployment.start()
    stream.send(0.5)
    stream.publish(second)
    stream.await_models(digest(second))
    stream.send(1.0)
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(OWN, digest(second))}
    assert worker.running
    assert not stream.notices()


def test_a_tampered_model_is_refused_and_the_one_before_goes_on(
    stream: Stream, second: Path, key: Path
) -> None:
    stream.publish(second)
    stream.deployment.start()
    stream.send(0.4)
    third, content = describe_folder(made(key / "third", read_private_key(key / "private.pem"), "3"))
    content["model.onnx"] = content["model.onnx"][:-9] + bytes(9)
    log = read_log(stream.settings, PROFILE_NAME)
    change_roles(stream.settings, log, log.roles.publish(third), log.parts_of(third, content))
    (notice,) = wait_for(stream.notices, "a notice")
    assert dict(notice.headers)["ce_type"].decode() == REFUSED
    schema = Draft202012Validator(orjson.loads((files("stream") / "model-refused.schema.json").read_bytes()))
    body = orjson.loads(notice.value)
    schema.validate(body)
    assert (body["digest"], body["role"], body["error"]) == (third.digest, "live", "DigestError")
    stream.send(0.7)
    assert stream.deployment.workers[-1].stop() == 0
    stream.deployment.start()
    stream.send(1.0)
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(digest(second),)}
    again = wait_for(lambda: len(found := stream.notices()) > 1 and found, "a notice after the restart")
    assert {orjson.loads(record.value)["id"] for record in again} == {body["id"]}


def test_a_model_that_nobody_trusted_signed_is_refused(stream: Stream, tmp_path: Path) -> None:
    stream.deployment.start()
    stream.send(0.5)
    strange = made(tmp_path / "strange", Ed25519PrivateKey.generate(), "2")
    refused = CliRunner().invoke(export, ["publish", str(strange)], env=stream.deployment.environment)
    assert "none of the" in str(refused.exception)
    assert stream.onsight("status") == {"live": None, "shadow": None, "previous": None}


def test_a_trial_its_report_and_what_comes_after(kafka: str, stream: Stream) -> None:
    stream.deployment.start()
    stream.send(0.3)
    stream.publish_own(shipped("onsight"), "--shadow")
    stream.await_models(OWN, OTHER)
    before = {place(body) for body in stream.alerts()}
    stream.send(0.6)
    sent = sorted((body for body in stream.alerts() if place(body) not in before), key=place)
    assert {body["model"]["digest"] for body in sent} == {OWN}, "the shadow's alerts are not sent"
    judge(kafka, stream, sent[0], "confirmed")
    judge(kafka, stream, sent[1], "dismissed")
    report = wait_for(lambda: found(stream, events=round(0.3 * COUNT)), "the whole report")
    assert (report["live"], report["shadow"], report["partitions"]) == (OWN, OTHER, 4)
    assert report["both"] + report["dropped"] == len(sent)
    assert report["added"] == sum(report["entities"]["added"].values()) > 0
    assert report["dropped"] == sum(report["entities"]["dropped"].values()) > 0
    assert report["precision"]["live"] == 0.5
    assert stream.onsight("promote")["live"]["digest"] == OTHER
    stream.await_models(OTHER)
    stream.send(1.0)
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(OWN, OTHER)}
    assert stream.onsight("rollback")["live"] is None
    stream.await_models(OWN)


def place(alert: dict[str, Any]) -> tuple[int, int]:
    return alert["source"]["partition"], alert["source"]["offset"]


def found(stream: Stream, events: int) -> dict[str, Any] | None:
    result = stream.onsight("report")
    return result if result["events"] == events else None


def judge(kafka: str, stream: Stream, alert: dict[str, Any], verdict: str) -> None:
    told = {name: alert[name] for name in ("id", "entity", "source", "features", "event")}
    body = orjson.dumps({**told, "verdict": verdict, "by": "ann", "at": "2026-01-31T03:12:45Z"})
    produce(kafka, stream.deployment.verdicts, [(alert["entity"].encode(), body)])


def test_killed_workers_go_on_with_the_same_models(stream: Stream, second: Path) -> None:
    """The live model changes while nobody works: what may have been scored before keeps its model."""
    stream.publish(second)
    stream.publish_own(shipped("onsight"), "--shadow")
    worker = stream.deployment.start()
    stream.await_models(digest(second), OTHER)
    stream.send(0.4)
    for number in range(2):
        produce(
            stream.kafka,
            stream.deployment.source,
            events(COUNT)[round((0.4 + 0.1 * number) * COUNT) :][: COUNT // 10],
        )
        worker.kill()
        worker = stream.deployment.start()
    stream.await_models(digest(second), OTHER)
    stream._sent = round(0.6 * COUNT)
    stream.send(0.7)
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(digest(second),)}
    report = wait_for(lambda: found(stream, events=round(0.7 * COUNT)), "all that was tried")
    assert report["shadow"] == OTHER
    produce(stream.kafka, stream.deployment.source, events(COUNT)[round(0.7 * COUNT) :][: COUNT // 10])
    worker.kill()
    stream.onsight("promote")
    stream.deployment.start()
    stream._sent = round(0.8 * COUNT)
    stream.send(0.8)
    stream.send(1.0)
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(digest(second), OTHER)}
