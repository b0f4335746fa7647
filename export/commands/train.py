"""`onsight-export train`: meta-train a model and write it as a signed artifact."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from export.commands.options import signing_key_option
from export.commands.replays import SHARE, replays_of

if TYPE_CHECKING:
    from export.tasks.sets import TaskSet
    from export.train import Plan, Progress


@click.command("train", short_help="Meta-train a model and write it as a signed artifact.")
@click.option("--size", type=click.Choice(["small", "base"]), default="small", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same model.")
@click.option(
    "--tasks",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of sets (.npz with train, test, test_labels, or .parquet with a column label); repeatable.",
)
@click.option(
    "--replay",
    "replays",
    multiple=True,
    metavar="STORE[=SHARE]",
    help=f"Draw this share of the tasks from a store of `collect`; repeatable.  [default share: {SHARE}]",
)
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Go on from this artifact's parameters; it must be signed by --key or by a key that onsight trusts.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The artifact's folder.")
@click.option("--minutes", type=float, default=20.0, show_default=True, help="Sets the number of steps.")
@signing_key_option
@click.option(
    "--work", type=click.Path(path_type=Path), help="Checkpoints and curves.  [default: OUT.training]"
)
def command(
    size: str,
    seed: int,
    tasks: tuple[Path, ...],
    replays: tuple[str, ...],
    origin: Path | None,
    out: Path,
    minutes: float,
    key: Path,
    work: Path | None,
) -> None:
    """Meta-train a model over many tasks and write it as a signed artifact.

    Tasks come from synthetic priors, from the tables that come with scikit-learn, and from the sets in --tasks
    folders, except those whose name has a CRC32 divisible by 5: they are kept for development. --minutes only sets
    the number of steps, so that a slower machine gives the same model later. A run that was stopped goes on where
    it was. Tasks are replayed as they happened: an entity's window, its next events, and the rows that verdicts have
    confirmed.

    \b
    Examples:
      onsight-export train --minutes 10 --out my-model
      onsight-export train --from my-model --replay experience=0.4 --minutes 5 --out my-next-model
      onsight-export verify my-model
    """
    from export.checkpoint import Checkpoint
    from export.meta.build import build
    from export.meta.kept import take_up
    from export.package import read_private_key, write_artifact
    from export.train import Plan, train
    from stream.memory import keep_freed_memory

    keep_freed_memory()
    private = read_private_key(key.expanduser())
    start = take_up(origin, private.public_key()) if origin else None
    plan = Plan.for_minutes(minutes, start.size if start else size, seed)
    sets, development, sources = _sets(tasks)
    mixed = replays_of(replays)
    work = work or out.with_name(f"{out.name}.training")
    history = _History(plan, work)
    told = [*sources, *(one.told for one in mixed), *([start.told] if start else [])]
    run = f"{plan} {','.join(one.name for one in sets)} {told[len(sources) :]}"
    parameters = train(
        plan,
        sets,
        Checkpoint(work, run),
        history.add,
        start=start.parameters if start else None,
        replays=[one.replay for one in mixed],
    )
    history.close()
    model = build(parameters)
    recipe = {**_recipe(plan), "figures": _figures(model.SerializeToString(), development)}
    write_artifact(out, model, private, name="onsight", version="1", recipe=recipe, sources=told)
    click.echo(out)


def _sets(folders: tuple[Path, ...]) -> tuple[list["TaskSet"], list["TaskSet"], list[str]]:
    """Sets to train on, sets to develop on, and what the manifest says about where they come from."""
    import sklearn

    from export.tasks.bundled import TABLES, bundled_sets
    from export.tasks.sets import describe, is_development, load_folder

    bundled = bundled_sets()
    sources = [f"scikit-learn {sklearn.__version__} table {name}" for name in TABLES]
    sources.append("synthetic priors of export/tasks/priors.py")
    training, development = bundled, []
    for folder in folders:
        loaded = load_folder(folder)
        training = training + [one for one in loaded if not is_development(one.name)]
        development += [one for one in loaded if is_development(one.name)]
        sources += describe(folder)
    return training, development, sources


def _recipe(plan: "Plan") -> dict[str, object]:
    from dataclasses import asdict

    return {"kind": "meta-model", **asdict(plan)}


def _figures(model: bytes, development: list["TaskSet"]) -> dict[str, object]:
    """What the manifest says about quality: means over the development sets, rounded."""
    from export.evaluate import compare, difference, session_model

    figures: dict[str, object] = {}
    for rows in (64, 128) if development else ():
        found = compare(session_model(model), development, rows, ["knn"], lambda _: None)
        ours, knn = found["onsight"], found["knn"]
        figures[f"development sets, {rows} rows"] = {
            "sets": len(development),
            "auroc": round(float(ours.auroc.mean()), 4),
            "ap10": round(float(ours.ap10.mean()), 4),
            "knn_auroc": round(float(knn.auroc.mean()), 4),
            "knn_ap10": round(float(knn.ap10.mean()), 4),
            "d_auroc_se": round(difference(ours.auroc, knn.auroc)["se"], 4),
        }
    return figures


class _History:
    """Shows progress, and keeps the curves as a picture and as CSV."""

    def __init__(self, plan: "Plan", folder: Path) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._folder = folder
        self._entries: list[Progress] = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Bars(*columns, console=Console(stderr=True))
        self._tasks = {
            "zero-shot": self._bars.add_task("zero-shot", total=plan.steps),
            "labels": self._bars.add_task("labels", total=plan.label_steps),
        }
        self._bars.start()

    def add(self, progress: "Progress") -> None:
        self._entries.append(progress)
        beside = "kNN" if progress.part == "zero-shot" else "without labels"
        text = f"{progress.part}  loss {progress.loss:.4f}  ({beside} {progress.against:.4f})"
        self._bars.update(self._tasks[progress.part], completed=progress.step, description=text)

    def close(self) -> None:
        from export.pictures import draw_curves

        self._bars.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{e.part},{e.step},{e.loss:.6f},{e.against:.6f}" for e in self._entries]
        (self._folder / "curves.csv").write_text("part,step,loss,against\n" + "\n".join(lines) + "\n")
        draw_curves(self._entries, self._folder / "curves.png")
