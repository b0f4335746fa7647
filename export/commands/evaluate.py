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
LABELLED_ROWS = 64


class Counts(click.ParamType):
    """Whole numbers with commas between them, each at least `least`; none of an empty text."""

    name = "n,n,..."

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) >= self._least for part in parts):
            self.fail(
                f"{value!r}: expected whole numbers from {self._least} on, commas between them", param, ctx
            )
        return tuple(map(int, parts))


@click.command("evaluate", short_help="Measure an artifact on a folder of sets, beside rivals.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="Folder of sets, as `train --tasks` takes it.",
)
@click.option(
    "--rows",
    type=Counts(2),
    default="64,128,512",
    show_default=True,
    help="Normal rows as context; of a set with fewer all of them.",
)
@click.option(
    "--labels",
    type=Counts(0),
    default="",
    help=f"Also with so many labelled anomalies in a context of {LABELLED_ROWS} rows, such as 0,1,5,10.",
)
@click.option("--development", is_flag=True, help="Only the sets that training never sees.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a picture (PNG) of the first comparison.",
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

    All get the same context. d_ is what ARTIFACT is ahead by, d_se that of AUROC's standard error, wins the share of
    the sets on which it is ahead, us the microseconds an event. AP is average precision as if 10 % (1 %) of the
    events were anomalous; recall is at one threshold over all sets that lets 0.5 % of the normal events through.

    \b
    Example:  onsight-export evaluate "$(onsight artifact)" --data sets --rows 64,128 --labels 0,1,5
    """
    from export.evaluate import compare, session_model
    from export.pictures import draw_comparison
    from export.tasks.sets import is_development, load_folder
    from stream.artifact import load_artifact

    if picture:
        picture.parent.mkdir(parents=True, exist_ok=True)
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
        found = with_labels(model, sets, LABELLED_ROWS, known, tick)
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
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        table.add_column("", no_wrap=True)
        for name in next(iter(rows.values())):
            table.add_column(name, justify="right", no_wrap=True)
        for name, figures in rows.items():
            table.add_row(name, *(_short(value, 1 if key == "us" else 4) for key, value in figures.items()))
        Console().print(table, "")


def _short(value: float, places: int) -> str:
    """Without a leading 0: all columns have to fit a terminal of 80."""
    return f"{value:.{places}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{places}f}"


@contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; what it gives is told how far things are."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)
