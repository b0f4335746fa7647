"""The trained model on the development sets, beside kNN, for contexts of several sizes."""

from pathlib import Path

import click

from export.evaluate import compare, difference
from tests.bench.model_data import artifact_option, development_sets, model
from tests.bench.report import bar, finish, say


@click.command()
@artifact_option
@click.option("--rows", multiple=True, type=int, default=(64, 128, 512), help="Context rows; repeatable.")
def command(artifact: Path | None, rows: tuple[int, ...]) -> None:
    """AUROC and average precision at 10 % of the model and of kNN on the development sets."""
    scorer, sets, result = model(artifact), development_sets(), {}
    for number in rows:
        with bar(f"{number} rows", len(sets)) as progress:
            found = compare(scorer, sets, number, ["knn"], progress.at)
        ours, knn = found["onsight"], found["knn"]
        ahead = difference(ours.auroc, knn.auroc)
        result[str(number)] = {
            "auroc": round(float(ours.auroc.mean()), 4),
            "ap": round(float(ours.ap10.mean()), 4),
            "knn_auroc": round(float(knn.auroc.mean()), 4),
            "knn_ap": round(float(knn.ap10.mean()), 4),
            "d_auroc": round(ahead["mean"], 4),
            "d_se": round(ahead["se"], 4),
            "d_ap": round(difference(ours.ap10, knn.ap10)["mean"], 4),
            "wins": round(ahead["wins"], 3),
            "pooled_recall": round(ours.pooled_recall, 4),
            "knn_pooled_recall": round(knn.pooled_recall, 4),
        }
        say(f"{number} rows: {result[str(number)]}")
    finish(result)
