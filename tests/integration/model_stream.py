"""What tests of models on a broker share: artifacts signed with keys of their own, and a stream that they score."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from card_stream import OTHER_FOLDER, events
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import Deployment, produce, read, wait_for
from kafka import KafkaAdminClient

from export.cli import cli as export
from export.knn import RECIPE, SOURCES, build
from export.package import make_keys, read_private_key, write_artifact
from stream.artifact import load_artifact, read_folder, shipped
from stream.cli.main import cli as onsight
from stream.model_log import describe
from stream.settings import Settings

COUNT = 12_000  # another live model alerts only after an epoch of each partition
PROFILE_NAME = "often"
OWN = load_artifact(shipped()).digest
OTHER = load_artifact(OTHER_FOLDER).digest


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


def place(alert: dict[str, Any]) -> tuple[int, int]:
    return alert["source"]["partition"], alert["source"]["offset"]


def found(stream: Stream, events: int) -> dict[str, Any] | None:
    result = stream.onsight("report")
    return result if result["events"] == events else None
