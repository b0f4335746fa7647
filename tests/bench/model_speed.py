"""Microseconds an event of the trained model and of the kNN one, side by side, by batch size."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from export.golden import draw_inputs
from stream.artifact import Artifact, load_artifact, shipped
from stream.context import Context, Peers
from stream.scorer import Scorer
from tests.bench.model_data import artifact_option
from tests.bench.report import finish

SIZES = (1, 64, 256, 512)
ROWS, PEERS, COLUMNS = 64, 128, 8


@click.command()
@artifact_option
@click.option("--seconds", default=1.0, help="For each size and model.")
def command(artifact: Path | None, seconds: float) -> None:
    """Cost of a score with a window of 64 x 8 and 128 peers, one thread."""
    ours, knn = load_artifact(artifact or shipped("onsight")), load_artifact(shipped("knn"))
    result: dict[str, dict[str, float]] = {}
    for size in SIZES:
        runs = {"onsight": _runner(ours, size), "knn": _runner(knn, size)}
        cost = {name: round(value / size * 1e6, 2) for name, value in _median_seconds(runs, seconds).items()}
        result[str(size)] = {**cost, "ratio": round(cost["onsight"] / cost["knn"], 2)}
    finish({"us": result})


def _runner(artifact: Artifact, size: int) -> Callable[[], object]:
    x = draw_inputs(1, events=size, rows=ROWS, peers=PEERS, columns=COLUMNS, plain=True)
    scorer = Scorer(artifact, np.zeros(COLUMNS), np.zeros(COLUMNS), batch=max(size, 16))
    context = Context(x["window"], x["window_mask"], x["window_label"])
    peers = Peers(x["peers"], x["peers_mask"], x["peers_label"])
    return lambda: scorer.score(x["query"], context, peers)


def _median_seconds(runs: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Of calls that take turns, so that what slows the machine slows both."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds * len(runs)
    while time.perf_counter() < end:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in taken.items()}
