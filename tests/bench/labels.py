"""A few labelled anomalies in the context: the model beside classifiers that are given the same rows."""

from pathlib import Path

import click
import numpy as np

from export.evaluate import with_labels
from tests.bench.model_data import artifact_option, development_sets, model
from tests.bench.report import bar, finish, say


@click.command()
@artifact_option
@click.option("--rows", default=64, help="Normal rows of the context.")
@click.option(
    "--known", multiple=True, type=int, default=(0, 1, 5, 10), help="Labelled anomalies; repeatable."
)
def command(artifact: Path | None, rows: int, known: tuple[int, ...]) -> None:
    """AUROC and average precision at 10 % with 0, 1, 5 and 10 labelled anomalies on the development sets."""
    scorer, sets = model(artifact), development_sets()
    auroc: dict[str, dict[str, float]] = {}
    precision: dict[str, dict[str, float]] = {}
    quarters: dict[str, list[float]] = {}
    for number in known:
        with bar(f"{number} labels", len(sets)) as progress:
            found = with_labels(scorer, sets, rows, number, progress.at)
        auroc[str(number)] = {name: round(float(values[0].mean()), 4) for name, values in found.items()}
        precision[str(number)] = {name: round(float(values[1].mean()), 4) for name, values in found.items()}
        if number:
            gain = found["onsight"][0] - found["onsight without"][0]
            quarters[str(number)] = [round(float(part.mean()), 4) for part in np.array_split(gain, 4)]
        say(f"{number} labels: AUROC {auroc[str(number)]}")
    finish({"k": auroc, "ap": precision, "gain_by_quarter_of_the_sets": quarters})
