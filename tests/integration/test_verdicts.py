"""Verdicts on a real broker: they change the next scores of all partitions, as a replay says, whatever happens."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from card_stream import events, profile, scorer
from deployment import ONSIGHT, PARTITIONS, Deployment, Worker, produce, read, wait_for
from test_health import free_port, metrics, total
from test_worker import COUNT, admin, deploy, sources, written

from stream.alerts import Source, rfc3339
from stream.events import decode
from stream.replay import Replay
from stream.verdict import Outcome, Verdict

__all__ = ["admin", "deploy", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

HALF = COUNT // 2
BATCH, _ = decode(profile(), None, [value for _, value in events(COUNT)], np.arange(COUNT))
NOW = float(BATCH.time[HALF])  # verdicts are given when half of the events have been
Told = dict[tuple[int, int], tuple[bytes, bytes]]


def replayed(topic: str, verdicts: list[Verdict]) -> Told:
    """Key and body of every alert that a replay finds, by partition and offset."""
    replay = Replay(profile(), scorer(), topic=topic, partitions=PARTITIONS, verdicts=verdicts)
    alerts = replay.on_batch(BATCH).alerts
    return {(alert.source.partition, alert.offset): (alert.key, alert.body()) for _, alert in alerts}


def judged(alerts: Told, verdict: Outcome, number: int) -> list[Verdict]:
    """Verdicts on the latest alerts of the first half, all of one partition."""
    bodies = [orjson.loads(body) for _, body in alerts.values()]
    first = [body for body in bodies if body["time"] < rfc3339(NOW)]
    here = first[0]["source"]["partition"]
    chosen = [body for body in first if body["source"]["partition"] == here][-number:]
    return [given_on(body, verdict) for body in chosen]


def given_on(alert: dict[str, Any], verdict: Outcome) -> Verdict:
    place = alert["source"]
    source, offset = Source(place["topic"], place["partition"]), place["offset"]
    told = alert["features"], alert["event"]
    return Verdict(alert["id"], alert["entity"], verdict, "ann", NOW, source, offset, *told)


class Watched:
    """A deployment whose workers serve metrics."""

    def __init__(self, kafka: str, deployment: Deployment) -> None:
        self.deployment = deployment
        self._kafka = kafka
        self.ports: dict[str, int] = {}

    def start(self, instance: str = "one") -> Worker:
        port = self.ports[instance] = free_port()
        return self.deployment.start(instance, health_port=port)

    def give(self, verdicts: list[Verdict]) -> None:
        produce(self._kafka, self.deployment.verdicts, [(one.key, one.body()) for one in verdicts])

    def sum(self, name: str) -> float:
        return sum(total(metrics(port), f"onsight_{name}") for port in self.ports.values())

    def apply(self, verdicts: list[Verdict]) -> None:
        """Give verdicts, and wait until every partition knows them."""
        self.give(verdicts)
        self.await_known(len(verdicts))

    def await_known(self, number: int) -> None:
        """Wait until every partition knows what has been read, so many verdicts at least."""

        def done() -> bool:
            return self.sum("verdicts_known") >= number and not self.sum("verdicts_waiting")

        wait_for(done, "all partitions to know the verdicts")

    def feed(self, start: int, stop: int) -> None:
        produce(self._kafka, self.deployment.source, events(COUNT)[start:stop])


@pytest.fixture
def watched(kafka: str, sources: Callable[[], str], deploy: Callable[..., Deployment]) -> Watched:
    return Watched(kafka, deploy(sources()))


def test_a_verdict_changes_the_next_scores_of_other_partitions(kafka: str, watched: Watched) -> None:
    deployment = watched.deployment
    plain = replayed(deployment.source, [])
    verdicts = judged(plain, "dismissed", 12)
    after = replayed(deployment.source, verdicts)
    here = verdicts[0].source
    assert {place for place in plain.keys() | after.keys() if plain.get(place) != after.get(place)} - {
        place for place in plain.keys() | after.keys() if here and place[0] == here.partition
    }, "other partitions' alerts must differ, or this shows nothing"
    watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    watched.apply(verdicts)
    wait_for(lambda: watched.sum("verdicts_total") == len(verdicts), "each verdict to be counted once")
    watched.feed(HALF, COUNT)
    deployment.settle()
    assert written(kafka, deployment) == after


def test_verdicts_survive_kills_and_a_rebalance(kafka: str, watched: Watched) -> None:
    deployment = watched.deployment
    verdicts = judged(replayed(deployment.source, []), "dismissed", 12)
    first = watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    watched.apply(verdicts)
    first.kill()
    watched.feed(HALF, HALF + 500)
    first = watched.start()
    deployment.settle()
    watched.start("two")
    watched.feed(HALF + 500, HALF + 1000)
    deployment.settle()
    first.kill()
    watched.feed(HALF + 1000, COUNT)
    watched.start()
    deployment.settle()
    assert written(kafka, deployment) == replayed(deployment.source, verdicts)


def test_what_is_no_verdict_is_counted_and_passed_over(kafka: str, watched: Watched) -> None:
    deployment = watched.deployment
    worker = watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    produce(kafka, deployment.verdicts, [(b"k", b"no verdict"), (b"k", None)])
    watched.apply(judged(replayed(deployment.source, []), "confirmed", 1))
    assert watched.sum("bad_verdicts_total") == 2
    assert "offset 0 of" in worker.log
    assert worker.stop() == 0, worker.log


def run(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **deployment.environment}
    return subprocess.run([ONSIGHT, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_verdicts_given_on_the_command_line(kafka: str, watched: Watched, tmp_path: Path) -> None:
    deployment = watched.deployment
    watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    bodies = [orjson.loads(record.value) for record in read(kafka, deployment.alerts)]
    alert, other = bodies[-1], bodies[0]
    done = run(
        deployment, "verdict", "--alert", alert["id"], "--verdict", "confirmed", "--by", "ann", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["features"] == alert["features"]
    wait_for(lambda: metrics_of(watched).get(("applied", "confirmed")), "the verdict to be applied")
    place = "/".join(str(part) for part in other["source"].values())
    lines = [
        {"alert": alert["id"], "verdict": "confirmed"},
        {"event": place, "verdict": "dismissed"},
        {"alert": "0" * 32, "verdict": "dismissed"},
        {"event": f"{deployment.source}/0/999999", "verdict": "dismissed"},
    ]
    file = tmp_path / "verdicts.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    done = run(deployment, "verdicts", "import", str(file), "--json")
    assert (done.returncode, orjson.loads(done.stdout)) == (1, {"written": 2, "missing": 2}), done.stderr
    assert f"no alert '{'0' * 32}'" in done.stderr
    assert f"event {deployment.source}/0/999999: the partition has the offsets from 0" in done.stderr
    wait_for(lambda: metrics_of(watched).get(("duplicate", "confirmed")), "the repeat to be counted")
    wait_for(lambda: watched.sum("verdicts_known") == 3, "all to be known")
    assert watched.sum("precision_ratio") == 1.0, "that on an event is of no alert"
    days = orjson.loads(run(deployment, "status", "--days", "999", "--json").stdout)["days"]
    assert sum(day["alerts"] for day in days) == len({body["id"] for body in bodies})
    assert [day["precision"] for day in days if day["confirmed"] or day["dismissed"]] == [1.0]
    assert "100%" in run(deployment, "status").stdout


def test_a_verdict_on_nothing_is_refused(watched: Watched) -> None:
    deployment = watched.deployment
    neither = run(deployment, "verdict", "--verdict", "confirmed")
    assert (neither.returncode, "either --alert ID or --event" in neither.stderr) == (2, True)
    nowhere = run(deployment, "verdict", "--event", "no-such-topic/0/1", "--verdict", "confirmed")
    assert nowhere.returncode == 1
    assert "there is no such topic or partition" in nowhere.stderr


def metrics_of(watched: Watched) -> dict[tuple[str, str], float]:
    """Verdicts by outcome and verdict, where there are any."""
    found: dict[tuple[str, str], float] = {}
    for port in watched.ports.values():
        for (name, *labels), value in metrics(port).items():
            if name == "onsight_verdicts_total" and value:
                found[labels[0], labels[1]] = value
    return found
