"""From an event's produce time to its alert's append time, at steady rates that the worker can follow.

First a backlog fills every card's window, and tells the throughput; then the rates follow each other on the same topic.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from stream.alerts import is_alert
from tests.bench.cluster import Cluster, cluster
from tests.bench.load import Load, fill
from tests.bench.report import finish, say
from tests.bench.worker import Worker
from tests.bench.workload import card_events, card_profile

PARTITIONS = 4
FALLING_BEHIND = 0.98  # of the rate asked for: below, the producer could not follow
START = 1_000  # events after which the worker is surely at work
SETTLE = 2.0  # seconds until the last commit, after which a worker is idle
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was measured from outside while a stream was steady; times are seconds since 1970."""

    rate: int
    begin: float
    end: float
    cpu_us: float
    produced_per_s: float


@click.command()
@click.option("--rates", default="1000,10000", help="Events a second, separated by commas.")
@click.option("--half-rate", default=0, help="Half of the throughput; 0: half of how fast the backlog goes.")
@click.option(
    "--backlog", default=400_000, help="Events before the first rate; 64 for each card fill its window."
)
@click.option("--seconds", default=30.0, help="Measured at each rate.")
@click.option(
    "--warm-up", default=10.0, help="Seconds at each rate before, in which the broker compiles, too."
)
@click.option("--idle", default=5.0, help="Seconds without events, for the CPU of an idle worker.")
@click.option("--keys", default=5_000, help="Cards.")
@click.option("--p", default=0.001, help="The profile's p-value: the share of events that alert.")
def command(
    rates: str, half_rate: int, backlog: int, seconds: float, warm_up: float, idle: float, keys: int, p: float
) -> None:
    """Produce-to-alert latency at 1,000 and 10,000 events/s and at half of the throughput."""
    with cluster() as kafka, tempfile.TemporaryDirectory() as folder:
        source, alerts = kafka.topic("events", PARTITIONS), kafka.topic("alerts", PARTITIONS, APPEND_TIME)
        fill(kafka.bootstrap, source, card_events(backlog, keys), backlog, "events into the backlog")
        throughput = _drain(kafka, source, kafka.topic("backlog-alerts", PARTITIONS))
        steady = [*map(int, rates.split(",")), half_rate or int(throughput / 2)]
        stretches, first = [], backlog + START
        profile = card_profile(Path(folder), p)
        with Worker(kafka, _group(kafka), input_topic=source, alerts_topic=alerts, profile=profile) as worker:
            fill(
                kafka.bootstrap,
                source,
                card_events(START, keys, first=backlog),
                START,
                "events to start with",
            )
            kafka.wait_for(_group(kafka), source, worker.alive, "worker starts")
            for rate in steady:
                events = int(rate * (warm_up + seconds))
                load = Load(kafka.bootstrap, source, rate, events, keys, first=first)
                stretches.append(_steady(kafka, source, worker, load, rate, warm_up, seconds))
                first += events
            idle_cpu = _idle(worker, idle)
            worker.stop()
        produced, latency = _latencies(kafka, source, alerts)
    finish(
        {
            "rates": [_percentiles(stretch, produced, latency) for stretch in stretches],
            "idle_cpu_percent": idle_cpu,
            "backlog_events_per_s": throughput,
            "profile": f"card, alerts: {{p: {p:g}, suppress: 0}}",
            "seconds": seconds,
            "keys": keys,
        }
    )


def _group(kafka: Cluster) -> str:
    return f"bench-{kafka.run}"


def _drain(kafka: Cluster, source: str, alerts: str) -> float:
    """Events a second of a worker with the plain `card` profile."""
    with Worker(kafka, _group(kafka), input_topic=source, alerts_topic=alerts) as worker:
        kafka.wait_for(_group(kafka), source, worker.alive, "throughput")
        return float(worker.stop()["events_per_s"])


def _steady(
    kafka: Cluster, source: str, worker: Worker, load: Load, rate: int, warm_up: float, seconds: float
) -> Stretch:
    """Play a stream at one rate; its first `warm_up` seconds are left out."""
    with load:
        load.go()
        say(f"{rate:,} events/s for {warm_up:g} and {seconds:g} s")
        time.sleep(warm_up)
        begin, cpu = time.time(), worker.cpu_seconds()
        time.sleep(seconds)
        end, cpu = time.time(), worker.cpu_seconds() - cpu
        produced_per_s = load.wait()
    kafka.wait_for(_group(kafka), source, worker.alive, "what is left")
    return Stretch(rate, begin, end, cpu / (rate * (end - begin)) * 1e6, produced_per_s)


def _idle(worker: Worker, seconds: float) -> float:
    """Per cent of a core that the worker takes when it has nothing to do."""
    time.sleep(SETTLE)
    cpu = worker.cpu_seconds()
    time.sleep(seconds)
    return round((worker.cpu_seconds() - cpu) / seconds * 100, 2)


def _latencies(kafka: Cluster, source: str, alerts: str) -> tuple[np.ndarray, np.ndarray]:
    """Of every alert: when its event was produced (seconds since 1970), and milliseconds from then to the alert."""
    say("matching alerts to events")
    produced = {(m.partition(), m.offset()): m.timestamp()[1] for m in kafka.read(source)}
    pairs = []
    for message in filter(lambda message: is_alert(message.headers()), kafka.read(alerts)):
        event = orjson.loads(message.value())["source"]
        pairs.append((produced[event["partition"], event["offset"]], message.timestamp()[1]))
    at = np.array(pairs, np.float64).reshape(-1, 2)
    return at[:, 0] / 1e3, at[:, 1] - at[:, 0]


def _percentiles(stretch: Stretch, produced: np.ndarray, latency: np.ndarray) -> dict[str, Any]:
    own = latency[(produced >= stretch.begin) & (produced < stretch.end)]
    p50, p99, longest = np.percentile(own, (50, 99, 100)).round(1).tolist() if len(own) else [None] * 3
    return {
        "rate": stretch.rate,
        "p50_ms": p50,
        "p99_ms": p99,
        "cpu_us": round(stretch.cpu_us, 2),
        "max_ms": longest,
        "alerts": len(own),
        "produced_per_s": round(stretch.produced_per_s, 1),
        "kept_up": stretch.produced_per_s >= FALLING_BEHIND * stretch.rate,
    }
