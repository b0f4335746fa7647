"""Models that come by Kafka: taken up without a restart, refused, tried, promoted, rolled back, kept over a crash."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
from card_stream import OTHER_FOLDER, events
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from deployment import produce, wait_for
from jsonschema import Draft202012Validator
from model_stream import (
    COUNT,
    OTHER,
    OWN,
    PROFILE_NAME,
    Stream,
    describe_folder,
    digest,
    found,
    key,
    made,
    place,
    second,
    stream,
    turns,
)
from test_worker import admin, deploy, sources

from export.cli import cli as export
from export.package import read_private_key
from stream.cli.main import cli as onsight
from stream.job.model_topic import change_roles, read_log
from stream.notices import REFUSED

__all__ = ["admin", "deploy", "key", "second", "sources", "stream"]  # fixtures

pytestmark = pytest.mark.kafka


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
    stream.publish_own(OTHER_FOLDER, "--shadow")
    stream.await_models(OWN, OTHER)
    early = CliRunner().invoke(onsight, ["models", "report"], env=stream.deployment.environment)
    assert "no worker has reported on this trial yet" in str(early.exception)
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


def judge(kafka: str, stream: Stream, alert: dict[str, Any], verdict: str) -> None:
    told = {name: alert[name] for name in ("id", "entity", "source", "features", "event")}
    body = orjson.dumps({**told, "verdict": verdict, "by": "ann", "at": "2026-01-31T03:12:45Z"})
    produce(kafka, stream.deployment.verdicts, [(alert["entity"].encode(), body)])


def test_killed_workers_go_on_with_the_same_models(stream: Stream, second: Path) -> None:
    """The live model changes while nobody works: what may have been scored before keeps its model."""
    stream.publish(second)
    stream.publish_own(OTHER_FOLDER, "--shadow")
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
