"""One worker against a plain Faust agent and a hand-written loop, on the very same events."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import orjson

from stream.artifact import shipped
from tests.bench.cluster import Cluster, GaveUp, cluster
from tests.bench.load import fill
from tests.bench.report import finish, say, spread
from tests.bench.worker import Worker
from tests.bench.workload import card_events

PARTITIONS = 4
LEARNED = "onsight"
LIMIT = 600.0  # seconds for one run of a yardstick


@click.command()
@click.option("--events", default=800_000, help="Events of a run.")
@click.option("--naive-events", default=30_000, help="Events of a run of the plain agent, which is slower.")
@click.option("--keys", default=5_000, help="Cards.")
@click.option("--repeats", default=3, help="Runs of each of the three, in turn.")
@click.option(
    "--artifact",
    default="knn",
    help='One in the package by its name, "shipped": the learned one there, or a folder.',
)
@click.option("--threshold", default=0.999, help="Score over which the two yardsticks alert.")
def command(events: int, naive_events: int, keys: int, repeats: int, artifact: str, threshold: float) -> None:
    """Events a second and CPU an event: our worker, a hand-written loop, and a plain Faust agent with kNN."""
    named = shipped(LEARNED if artifact == "shipped" else artifact)
    folder = Path(artifact) if Path(artifact).is_dir() else named
    ours: list[dict[str, Any]] = []
    naive: list[dict[str, Any]] = []
    hand: list[dict[str, Any]] = []
    with cluster() as kafka:
        source, alerts = kafka.topic("events", PARTITIONS), kafka.topic("alerts", PARTITIONS)
        fill(kafka.bootstrap, source, card_events(events, keys), events, "events into the topic")
        yardstick = ["--kafka", kafka.bootstrap, "--topic", source, "--alerts", alerts]
        yardstick += ["--threshold", str(threshold)]
        for repeat in range(repeats):
            say(f"run {repeat + 1} of {repeats}")
            ours.append(_worker(kafka, source, alerts, folder, repeat))
            alike = ["--artifact", str(folder), "--events", str(events)]
            hand.append(_yardstick("handloop", [*yardstick, *alike]))
            group = f"bench-{kafka.run}-naive-{repeat}"
            plain = ["--artifact", str(shipped("knn")), "--events", str(naive_events), "--group", group]
            naive.append(_yardstick("naive", [*yardstick, *plain]))
    finish(_result(ours, naive, hand) | {"events": events, "keys": keys, "artifact": folder.name})


def _worker(kafka: Cluster, source: str, alerts: str, artifact: Path, repeat: int) -> dict[str, Any]:
    """The summary of a worker that reads the whole topic, cold start left out."""
    group = f"bench-{kafka.run}-{repeat}"
    with Worker(kafka, group, input_topic=source, alerts_topic=alerts, artifact=str(artifact)) as worker:
        kafka.wait_for(group, source, worker.alive, "onsight")
        summary = worker.stop()
    say(f"  onsight    {summary['events_per_s']:>9,.0f} events/s  {summary['cpu_us']:7.1f} us")
    return summary


def _yardstick(name: str, options: list[str]) -> dict[str, Any]:
    """The JSON that one of the yardsticks prints at its end."""
    run = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{name}", *options], capture_output=True, text=True, timeout=LIMIT
    )
    # Faust's worker adds escape sequences to what is printed.
    results = [line[line.index("{") :] for line in run.stdout.splitlines() if "{" in line]
    if run.returncode or not results:
        raise GaveUp(f"{name} ended with status {run.returncode}:\n{run.stderr[-4000:]}")
    found: dict[str, Any] = orjson.loads(results[-1])
    say(f"  {name:<10} {found['events_per_s']:>9,.0f} events/s  {found['cpu_us']:7.1f} us")
    return found


def _result(
    ours: list[dict[str, Any]], naive: list[dict[str, Any]], hand: list[dict[str, Any]]
) -> dict[str, object]:
    """Ratios are of runs of one turn, so that what slows the machine slows both."""

    def column(runs: list[dict[str, Any]], name: str) -> list[float]:
        return [float(run[name]) for run in runs]

    def ratios(name: str, above: list[dict[str, Any]], below: list[dict[str, Any]]) -> list[float]:
        return [a / b for a, b in zip(column(above, name), column(below, name), strict=True)]

    spreads = {
        "ratio": spread(ratios("events_per_s", ours, naive)),
        "cpu_ratio": spread(ratios("cpu_us", ours, hand)),
        "events_per_s": spread(column(ours, "events_per_s")),
        "cpu_us": spread(column(ours, "cpu_us")),
        "hand_loop_cpu_us": spread(column(hand, "cpu_us")),
        "hand_loop_events_per_s": spread(column(hand, "events_per_s")),
        "naive_events_per_s": spread(column(naive, "events_per_s")),
        "naive_cpu_us": spread(column(naive, "cpu_us")),
    }
    stages = {name: spread([run["stages_us"][name] for run in ours], 3) for name in ours[0]["stages_us"]}
    return {
        **{name: found["median"] for name, found in spreads.items()},
        "stages": {name: found["median"] for name, found in stages.items()},
        "spreads": spreads,
        "alerts": ours[0]["alerts"],
        "hand_loop_alerts": hand[0]["alerts"],
    }
