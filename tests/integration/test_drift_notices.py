"""Drift on a real broker: each episode is one event on the alerts topic, whatever happens to the worker."""

import uuid
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pytest
from card_stream import PROFILE, events
from click.testing import CliRunner
from deployment import Deployment, ends, produce, read, wait_for
from jsonschema import Draft202012Validator
from kafka import KafkaAdminClient
from test_worker import Deploy, admin, deploy

from export.cli import cli
from export.package import make_keys
from stream.alerts import Source
from stream.artifact import load_artifact, read_public_key, shipped
from stream.detector import Detector
from stream.events import decode
from stream.notices import DRIFTED, Notice, drifted
from stream.profile import parse
from stream.scorer import Scorer

__all__ = ["admin", "deploy"]  # fixtures

pytestmark = pytest.mark.kafka

# Few alerts, so that what is on the alerts topic is mostly drift.
SELDOM = PROFILE.replace("p: 0.3", "p: 0.001")
USUAL = 26_000  # events that the model's manifest tells of
COUNT = 54_000
STRANGE = ((0, 19_000), (34_000, COUNT))  # offsets between which amounts are eight times as large
Records = list[tuple[bytes, bytes]]


@cache
def stream() -> Records:
    """Events whose amounts are strange twice."""
    return [
        (key, strange(value) if any(a <= place < b for a, b in STRANGE) else value)
        for place, (key, value) in enumerate(events(COUNT))
    ]


def strange(value: bytes) -> bytes:
    event = orjson.loads(value)
    return orjson.dumps({**event, "amount": 8 * event["amount"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile, and in `told` a model whose manifest says what usual events are like, with the key to trust."""
    folder = tmp_path_factory.mktemp("drift")
    _, public = make_keys(folder)
    (folder / "trusted").mkdir()
    public.rename(folder / "trusted" / public.name)
    (folder / "seldom.yaml").write_text(SELDOM)
    (folder / "usual.jsonl").write_bytes(b"\n".join(value for _, value in events(USUAL)))
    named = ["--profile", str(folder / "seldom.yaml"), "--input", str(folder / "usual.jsonl")]
    written = ["--out", str(folder / "told"), "--key", str(folder / "private.pem")]
    result = CliRunner().invoke(cli, ["reference", str(shipped()), *named, *written], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def source(admin: KafkaAdminClient) -> Iterator[str]:
    """A topic of one partition."""
    name = f"events-{uuid.uuid4().hex[:8]}"
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    yield name
    admin.delete_topics([name])


def expected(folder: Path, source: str) -> list[Notice]:
    """What the detector alone finds, in its order."""
    described = parse(SELDOM, "seldom.yaml")
    trusted = [read_public_key(folder / "trusted" / "public.pem")]
    scorer = Scorer(load_artifact(folder / "told", trusted=trusted), described.category, described.direction)
    detector = Detector(described, scorer, Source(source, 0))
    batch, _ = decode(described, None, [value for _, value in stream()], np.arange(COUNT))
    shifts = detector.on_batch(batch, COUNT - 1).shifts
    return [drifted(described.name, shift, detector.source, scorer.digest) for shift in shifts]


def run_with_kills(kafka: str, deployment: Deployment) -> None:
    """All events, with a worker that is killed in the midst of every fifth of them."""
    edges = range(0, COUNT + 1, COUNT // 5)
    for start, stop in pairwise(edges):
        worker = deployment.start()
        produce(kafka, deployment.source, stream()[start:stop])
        wait_for(lambda start=start: sum(deployment.committed().values()) > start, "some of the events")
        worker.kill()
    deployment.start()
    deployment.settle()


@pytest.mark.parametrize("killed", [False, True])
def test_an_episode_of_drift_is_one_event(
    kafka: str, source: str, deploy: Deploy, folder: Path, killed: bool
) -> None:
    deployment = deploy(source, artifact=folder / "told", trusted_keys=folder / "trusted", batch=128)
    deployment.environment["ONSIGHT_PROFILE"] = str(folder / "seldom.yaml")
    if killed:
        run_with_kills(kafka, deployment)
    else:
        deployment.start()
        produce(kafka, source, stream())
        deployment.settle()
    assert ends(kafka, source) == {0: COUNT}
    schema = Draft202012Validator(orjson.loads((files("stream") / "drift.schema.json").read_bytes()))
    told: dict[str, dict[str, object]] = {}
    for record in read(kafka, deployment.alerts):
        headers = dict(record.headers)
        if headers["ce_type"] == DRIFTED.encode():
            body = orjson.loads(record.value)
            schema.validate(body)
            assert (headers["ce_id"].decode(), record.key) == (body["id"], b"often")
            again = told.setdefault(body["id"], body)
            assert {**body, "time": ""} == {**again, "time": ""}, "a repeat says the same"
    wanted = expected(folder, source)
    assert list(told) == [notice.id for notice in wanted]
    assert [body["feature"] for body in told.values()].count("amount") == len(STRANGE)
