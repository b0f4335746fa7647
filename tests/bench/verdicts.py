"""From giving a verdict until every partition of three busy workers scores with it."""

import time
from contextlib import ExitStack

import click
import numpy as np

from stream.alerts import Source
from stream.feedback import Feedback
from stream.verdict import Outcome, Verdict
from tests.bench.cluster import Cluster, GaveUp, cluster, committed
from tests.bench.load import fill, producer
from tests.bench.report import bar, finish, say
from tests.bench.worker import Worker
from tests.bench.workload import card_events

WORKERS = 3
PARTITIONS = 6
SETTLE = 3.0  # seconds after the last worker has begun
NEARLY = 0.9  # of the backlog: the first partition may be done from here on
PATIENCE = 60.0  # seconds for all workers to begin
# The broker's time of the record that says that a verdict is applied: nothing is scored with it before that.
CHANGELOG = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
LARGE = {"max.message.bytes": str(20 << 20)}


@click.command()
@click.option("--events", default=1_500_000, help="Of the backlog that keeps the workers busy.")
@click.option("--keys", default=20_000, help="Cards.")
@click.option("--rate", default=5.0, help="Verdicts a second.")
@click.option("--seconds", default=30.0, help="For which verdicts are given, while there is a backlog.")
def command(events: int, keys: int, rate: float, seconds: float) -> None:
    """Seconds until a verdict is in effect on every one of 3 workers, at full load."""
    with cluster() as kafka, ExitStack() as stack:
        source, alerts = kafka.topic("events", PARTITIONS), kafka.topic("alerts", PARTITIONS)
        group = kafka.topic("state-changelog", PARTITIONS, {**CHANGELOG, **LARGE}).removesuffix(
            "-state-changelog"
        )
        fill(kafka.bootstrap, source, card_events(events, keys), events, "events into the backlog")
        workers = [
            stack.enter_context(
                Worker(kafka, group, input_topic=source, alerts_topic=alerts, instance_id=f"bench-{number}")
            )
            for number in range(WORKERS)
        ]
        _begun(workers)
        given, busy = _give(kafka, group, source, rate, seconds)
        effects = _effects(kafka, f"{group}-state-changelog")
    taken = [
        max(effects[subject]) - at
        for subject, at in given.items()
        if len(effects.get(subject, ())) == PARTITIONS
    ]
    if len(taken) < len(given):
        raise GaveUp(f"only {len(taken)} of {len(given)} verdicts came into effect on all partitions")
    finish(
        {
            "p50_s": round(float(np.percentile(taken, 50)), 3),
            "p99_s": round(float(np.percentile(taken, 99)), 3),
            "max_s": round(max(taken), 3),
            "verdicts": len(taken),
            "workers": WORKERS,
            "partitions": PARTITIONS,
            "events_per_s": round(busy),
        }
    )


def _begun(workers: list[Worker]) -> None:
    """Wait until each worker scores."""
    deadline = time.monotonic() + PATIENCE
    while not all("first run of events" in worker.log() for worker in workers):
        for worker in workers:
            worker.alive()
        if time.monotonic() > deadline:
            raise GaveUp(f"not all of {len(workers)} workers got events within {PATIENCE:.0f} s")
        time.sleep(0.1)
    time.sleep(SETTLE)


def _give(
    kafka: Cluster, group: str, source: str, rate: float, seconds: float
) -> tuple[dict[str, float], float]:
    """Give verdicts while all workers are busy; when each was given, by subject, and events a second meanwhile."""
    sink, probe, total = (
        producer(kafka.bootstrap, linger_ms=0),
        kafka.consumer(group),
        sum(kafka.ends(source)),
    )
    given: dict[str, float] = {}
    began, first = time.monotonic(), committed(probe, source)
    last, ended = first, began
    with bar("verdicts", int(rate * seconds)) as progress:
        while (passed := time.monotonic() - began) < seconds:
            if len(given) < passed * rate:
                verdict = _verdict(source, len(given))
                given[verdict.subject] = time.time()
                sink.produce(kafka.verdicts, verdict.body(), verdict.key)
                sink.flush()
                last, ended = committed(probe, source), time.monotonic()
                if last > NEARLY * total:
                    say("the backlog is nearly done")
                    break
            progress.at(len(given))
            time.sleep(0.005)
    time.sleep(SETTLE)
    probe.close()
    return given, (last - first) / max(ended - began, 1e-9)


def _verdict(topic: str, number: int) -> Verdict:
    """On one of the first events, a different one each time."""
    source, offset = Source(topic, number % PARTITIONS), number // PARTITIONS
    outcome: Outcome = "confirmed" if number % 2 else "dismissed"
    features = {"amount": 10.0 + number, "country": "FR"}
    return Verdict(
        f"bench-{number}", f"c{number:06d}", outcome, "bench", time.time(), source, offset, features
    )


def _effects(kafka: Cluster, changelog: str) -> dict[str, list[float]]:
    """When each verdict was written as applied, by subject, one time for each partition."""
    say("reading the changelog")
    prefix = Feedback.prefix + b"v"
    found: dict[str, dict[int, float]] = {}
    for message in kafka.read(changelog):
        key = message.key()
        if key.startswith(prefix):
            times = found.setdefault(key[len(prefix) :].decode(), {})
            times.setdefault(message.partition(), message.timestamp()[1] / 1000)
    return {subject: list(times.values()) for subject, times in found.items()}
