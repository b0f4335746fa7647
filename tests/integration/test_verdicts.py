"""Verdicts on a real broker: they change the next scores of all partitions, as a replay says, whatever happens."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from card_stream import events, profile, scorer
from deployment import PARTITIONS, Deployment, Worker, produce, wait_for
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
        self._ports: dict[str, int] = {}

    def start(self, instance: str = "one") -> Worker:
        port = self._ports[instance] = free_port()
        return self.deployment.start(instance, health_port=port)

    def give(self, verdicts: list[Verdict]) -> None:
        produce(self._kafka, self.deployment.verdicts, [(one.key, one.body()) for one in verdicts])

    def sum(self, name: str) -> float:
        return sum(total(metrics(port), f"onsight_{name}") for port in self._ports.values())

    def apply(self, verdicts: list[Verdict]) -> None:
        """Give verdicts, and wait until every partition knows them."""
        self.give(verdicts)

        def done() -> bool:
            return self.sum("verdicts_known") >= len(verdicts) and not self.sum("verdicts_waiting")

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
