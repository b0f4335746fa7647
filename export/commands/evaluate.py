"""`onsight-export evaluate`: measure an artifact on a folder of sets, beside rivals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from export.commands.options import trusted_by, trusted_key_option

if TYPE_CHECKING:
    from export.evaluate import Model, Scores
    from export.tasks.sets import TaskSet

Result = dict[str, dict[str, dict[str, float]]]
RIVALS = ("knn", "lof", "isolation_forest", "ecod")


def _counts(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them; none of an empty text."""
    return tuple(int(part) for part in text.split(",") if part)


@click.command("evaluate", short_help="Measure an artifact on a folder of sets, beside rivals.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of sets, as `train --tasks` takes it.",
)
@click.option("--rows", type=_counts, default="64,128,512", show_default=True, help="Normal rows as context.")
@click.option(
    "--labels", type=_counts, default="", help="Also with so many labelled anomalies, such as 0,1,5,10."
)
@click.option("--development", is_flag=True, help="Only the sets that training never sees.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Write a picture (PNG) of the first comparison."
)
@trusted_key_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def command(
    artifact: Path,
    data: Path,
    rows: tuple[int, ...],
    labels: tuple[int, ...],
    development: bool,
    picture: Path | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Measure the ARTIFACT on every set of a folder, beside kNN, LOF, isolation forest and ECOD.

    All get the same context. AP is average precision as if 10 % (1 %) of the events were anomalous; recall is at one
    threshold over all sets that lets 0.5 % of the normal events through.

    \b
    Example:  onsight-export evaluate "$(onsight artifact)" --data sets --rows 64,128 --labels 0,1,5
    """
    from export.evaluate import compare, session_model
    from export.pictures import draw_comparison
    from export.tasks.sets import is_development, load_folder
    from stream.artifact import load_artifact

    loaded = load_artifact(artifact, trusted=trusted_by(key))
    sets = [one for one in load_folder(data) if not development or is_development(one.name)]
    model, result = session_model(loaded.model), Result()
    for number in rows:
        with _bar(f"{number} rows", len(sets)) as tick:
            found = compare(model, sets, number, RIVALS, tick)
        result[f"rows {number}"] = summary(found)
        if picture and number == rows[0]:
            draw_comparison({name: scores.auroc for name, scores in found.items()}, picture, number)
    for known in labels:
        result[f"labels {known}"] = _labelled(model, sets, known)
    _show(result, as_json)


def summary(found: "dict[str, Scores]") -> dict[str, dict[str, float]]:
    """The figures of each scorer: means, and ours less theirs."""
    from export.evaluate import difference

    ours = found["onsight"]
    table = {}
    for name, scores in found.items():
        apart = difference(ours.auroc, scores.auroc)
        table[name] = {
            "auroc": float(scores.auroc.mean()),
            "ap10": float(scores.ap10.mean()),
            "ap1": float(scores.ap1.mean()),
            "recall": scores.pooled_recall,
            "us": scores.microseconds,
            "d_auroc": apart["mean"],
            "d_se": apart["se"],
            "wins": apart["wins"],
            "d_ap10": difference(ours.ap10, scores.ap10)["mean"],
        }
    return table


def _labelled(model: "Model", sets: "list[TaskSet]", known: int) -> dict[str, dict[str, float]]:
    from export.evaluate import difference, with_labels

    with _bar(f"{known} labels", len(sets)) as tick:
        found = with_labels(model, sets, 64, known, tick)
    return {
        name: {
            "auroc": float(auroc.mean()),
            "ap10": float(ap.mean()),
            "d_auroc": difference(found["onsight"][0], auroc)["mean"],
            "d_se": difference(found["onsight"][0], auroc)["se"],
        }
        for name, (auroc, ap) in found.items()
    }


def _show(result: Result, as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY))
        return
    from rich.console import Console
    from rich.table import Table

    for title, rows in result.items():
        table = Table("", *next(iter(rows.values())), title=title)
        for name, figures in rows.items():
            table.add_row(
                name, *(f"{value:.4f}" if key != "us" else f"{value:.1f}" for key, value in figures.items())
            )
        Console().print(table)


@contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; what it gives is told how far things are."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)
