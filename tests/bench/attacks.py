"""A few labelled attacks among the peers: the model beside classifiers that are given the same rows."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from export.evaluate import output_of, plain_inputs
from export.metrics import average_precision
from export.rivals import CODED_SUPERVISED, coded
from tests.bench.attack_rows import LEFT_OUT, Case, Flows, cases, read_flows
from tests.bench.model_data import artifact_option, data_folder, model_bytes
from tests.bench.report import bar, finish, say

FILES = ("attacks-nsl-kdd.parquet", "attacks-unsw-nb15.parquet")
PREVALENCE = 0.01
Score = Callable[[Case], np.ndarray]


@click.command()
@artifact_option
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A Parquet file with a column attack_class; repeatable.  [default: the two of ONSIGHT_DATA]",
)
@click.option("--known", multiple=True, type=int, default=(0, 1, 5, 10), help="Labelled attacks; repeatable.")
@click.option("--rows", default=128, help="Normal rows of the context.")
@click.option("--queries", default=400, help="At most so many of each kind are asked for.")
@click.option("--draws", default=3, help="Contexts for each class.")
@click.option(
    "--leave-out",
    default=LEFT_OUT,
    show_default=False,
    help="Columns not to use: a regular expression of whole names.  [default: addresses, ports, times, classes]",
)
def command(
    artifact: Path | None,
    inputs: tuple[Path, ...],
    known: tuple[int, ...],
    rows: int,
    queries: int,
    draws: int,
    leave_out: str,
) -> None:
    """Average precision at 1 % prevalence with 0, 1, 5 and 10 labelled attacks of a class, mean over classes."""
    scorer = _onsight(artifact)
    found: dict[str, dict[str, dict[str, float]]] = {}
    every: dict[int, list[dict[str, float]]] = {number: [] for number in known}
    for path in inputs or [data_folder() / name for name in FILES]:
        flows = read_flows(path, leave_out)
        say(f"{flows.name}: {flows.rows.shape[1]} columns, left out: {', '.join(flows.left_out)}")
        found[flows.name] = {}
        for number in known:
            seen = _figures(flows, scorer, number, rows, queries, draws)
            every[number] += seen
            found[flows.name][str(number)] = _means(seen)
            say(f"{flows.name}, {number} labels: {found[flows.name][str(number)]}")
    finish({"k": {str(number): _means(seen) for number, seen in every.items()}, "files": found})


def _figures(
    flows: Flows, scorer: Score, known: int, rows: int, queries: int, draws: int
) -> list[dict[str, float]]:
    """The average precision of each scorer for each class and draw; without labels the model's alone."""
    seen = []
    kinds = flows.classes()
    with bar(f"{flows.name}, {known} labels", len(kinds)) as progress:
        for done, kind in enumerate(kinds, 1):
            for case in cases(flows, kind, known, rows, queries, draws):
                score = {"onsight": scorer(case)}
                if known:
                    context, query = coded(case.rows, case.query, case.category)
                    rivals = CODED_SUPERVISED.items()
                    score |= {name: rival(context, case.label.astype(int), query) for name, rival in rivals}
                seen.append(
                    {name: average_precision(one, case.anomalous, PREVALENCE) for name, one in score.items()}
                )
            progress.at(done)
    return seen


def _means(seen: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([one[name] for one in seen])), 4) for name in seen[0]}


def _onsight(artifact: Path | None) -> Score:
    score = output_of(model_bytes(artifact), "score")

    def of(case: Case) -> np.ndarray:
        inputs = plain_inputs(case.query, np.zeros((0, 0)), case.rows, case.label)
        return score(inputs | {"category": case.category})

    return of
