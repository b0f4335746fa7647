"""`kill -9` in mid-stream, again and again: is every event scored as in a run that nobody disturbed?

The profile alerts on every event, so an event's score and state show in its alert. The reference is a worker
of another group over the same topic: an alert's id and body depend on the source offset and the state alone.
Both begin with the same state of many keys, which is made with a profile that hardly alerts: that takes less time.
"""

import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from stream.alerts import is_alert
from tests.bench.cluster import Cluster, GaveUp, cluster
from tests.bench.load import Load, fill
from tests.bench.report import finish, say, spread
from tests.bench.worker import Worker
from tests.bench.workload import card_events, card_profile

PARTITIONS = 4
APPEND_TIME = {"message.timestamp.type": "LogAppendTime", "compression.type": "lz4"}
SETTLE = 0.3  # seconds after a kill for requests that were under way
RESTART_LIMIT = 60.0  # seconds
LONGEST_RUN = 4.0  # seconds from a first scored event to the next kill, at most
LONGEST_ROUND = 15.0  # seconds from one kill to the next before the stream runs dry


@click.command()
@click.option("--kills", default=10, help="How often the worker is killed.")
@click.option("--keys", default=50_000, help="Cards, all of them with state before the first kill.")
@click.option("--laps", default=3, help="Events of each card before the stream begins, on average.")
@click.option("--rate", default=300, help="Events a second of the stream.")
@click.option("--seed", default=1, help="Of the moments of the kills.")
def command(kills: int, keys: int, laps: int, rate: int, seed: int) -> None:
    """Lost, different, invented and repeated alerts after ten kills, and the time to restart."""
    with cluster() as kafka, tempfile.TemporaryDirectory() as folder:
        quiet, loud = card_profile(Path(folder), 1e-9), card_profile(Path(folder), 1)
        source = kafka.topic("events", PARTITIONS)
        preload = keys * laps
        fill(kafka.bootstrap, source, card_events(preload, keys), preload, "state before the stream")
        disturbed, undisturbed = (_Group(kafka, source, name, quiet) for name in ("disturbed", "undisturbed"))
        stream = Load(kafka.bootstrap, source, rate, int(rate * kills * LONGEST_ROUND), keys, first=preload)
        starts = _disturb(disturbed, loud, stream, kills, Random(seed))
        undisturbed.run(loud)
        say("comparing")
        found = compare(disturbed.bodies(), undisturbed.bodies())
        events = sum(kafka.ends(source)) - preload
        restarts = _restarts(kafka, disturbed.alerts, starts)
    finish(
        {
            "kills": kills,
            "events": events,
            **found,
            "restart_s": spread(restarts),
            "keys": keys,
            "rate": rate,
            "profile": "card, alerts: {p: 1, suppress: 0}",
        }
    )


class _Group:
    """A worker's name, topics and settings, whichever process plays it."""

    def __init__(self, kafka: Cluster, source: str, name: str, profile: str) -> None:
        self.kafka, self.source, self.name = kafka, source, f"bench-{kafka.run}-{name}"
        self.alerts = kafka.topic(name, PARTITIONS, APPEND_TIME)
        self.run(profile)

    def worker(self, profile: str) -> Worker:
        return Worker(
            self.kafka, self.name, input_topic=self.source, alerts_topic=self.alerts, profile=profile
        )

    def run(self, profile: str) -> None:
        """Score all there is, in peace."""
        with self.worker(profile) as worker:
            self.finish(worker)

    def finish(self, worker: Worker) -> None:
        self.kafka.wait_for(self.name, self.source, worker.alive, self.name)
        worker.stop()

    def bodies(self) -> dict[str, Counter[bytes]]:
        """How often each body of an alert came, by its id."""
        found: dict[str, Counter[bytes]] = defaultdict(Counter)
        for message in filter(lambda message: is_alert(message.headers()), self.kafka.read(self.alerts)):
            found[dict(message.headers())["ce_id"].decode()][message.value()] += 1
        return found


def _disturb(group: _Group, profile: str, stream: Load, kills: int, random: Random) -> list[float]:
    """Kill and restart during a stream, then let it finish; when each restarted process began."""
    starts: list[float] = []
    with ExitStack() as processes:
        processes.enter_context(stream)
        worker = processes.enter_context(group.worker(profile))
        stream.go()
        _wait_for_alerts(group, 0, worker)
        for kill in range(kills):
            time.sleep(random.uniform(0.5, LONGEST_RUN))
            worker.kill()
            time.sleep(SETTLE)
            before = sum(group.kafka.ends(group.alerts))
            worker = processes.enter_context(group.worker(profile))
            starts.append(worker.started)
            _wait_for_alerts(group, before, worker)
            say(f"kill {kill + 1}: scores again {time.time() - worker.started:.2f} s after its start")
        stream.stop()
        group.finish(worker)
    return starts


def _wait_for_alerts(group: _Group, before: int, worker: Worker) -> None:
    """Wait for more alerts than there were before."""
    deadline = time.monotonic() + RESTART_LIMIT
    while sum(group.kafka.ends(group.alerts)) <= before:
        worker.alive()
        time.sleep(0.02)
        if time.monotonic() > deadline:
            raise GaveUp(f"no event was scored within {RESTART_LIMIT:.0f} s of a start")


def compare(seen: dict[str, Counter[bytes]], expected: dict[str, Counter[bytes]]) -> dict[str, int]:
    """Alerts lost and invented, by id; with another body than expected; and the same once more."""
    both = seen.keys() & expected.keys()
    return {
        "compared": len(both),
        "lost": len(expected.keys() - seen.keys()),
        "different": sum(seen[alert].keys() != expected[alert].keys() for alert in both),
        "invented": len(seen.keys() - expected.keys()),
        "repeated": sum(bodies.total() - len(bodies) for bodies in seen.values()),
    }


def _restarts(kafka: Cluster, alerts: str, starts: list[float]) -> list[float]:
    """Seconds from each process start to the first alert that was appended after it."""
    at = np.sort([_append_time(message) for message in kafka.read(alerts)])
    return [float(at[np.searchsorted(at, start)] - start) for start in starts]


def _append_time(message: Any) -> float:
    kind, milliseconds = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    return float(milliseconds) / 1e3
