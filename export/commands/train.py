"""`onsight-export train`: meta-train a model and write it as a signed artifact."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from export.commands.options import signing_key_option
from export.commands.replays import SHARE, replays_of

if TYPE_CHECKING:
    from export.tasks.sets import TaskSet
    from export.train import Plan


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
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=20.0,
    show_default=True,
    help="Sets the number of steps.",
)
@signing_key_option
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="Checkpoints and curves, a folder for each run.  [default: OUT.training]",
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
      onsight-export verify my-model --key ~/.config/onsight/keys/public.pem
    """
    from export.checkpoint import Checkpoint
    from export.commands.history import history_of
    from export.meta.build import build
    from export.meta.kept import take_up
    from export.package import read_private_key, write_artifact
    from export.tasks.variants import FEW_TABLES
    from export.train import Plan, train
    from stream.memory import keep_freed_memory

    keep_freed_memory()
    private = read_private_key(key.expanduser())
    start = take_up(origin, private.public_key()) if origin else None
    plan = Plan.for_minutes(minutes, start.size if start else size, seed)
    plan = plan if tasks else replace(plan, recipe=FEW_TABLES)
    sets, development, sources = _sets(tasks)
    mixed = replays_of(replays)
    work = work or out.with_name(f"{out.name}.training")
    told = [*sources, *(one.told for one in mixed), *([start.told] if start else [])]
    run = f"{plan} {','.join(one.name for one in sets)} {told[len(sources) :]}"
    checkpoint = Checkpoint(work, run)
    with history_of(plan, checkpoint.folder or work) as history:
        parameters = train(
            plan,
            sets,
            checkpoint,
            history.add,
            start=start.parameters if start else None,
            replays=[one.replay for one in mixed],
        )
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
    sources = [f"scikit-learn {sklearn.__version__} table {name} {_digest(bundled, name)}" for name in TABLES]
    sources.append("synthetic priors of export/tasks/priors.py")
    training, development = bundled, []
    for folder in folders:
        loaded = load_folder(folder)
        training = training + [one for one in loaded if not is_development(one.name)]
        development += [one for one in loaded if is_development(one.name)]
        sources += describe(folder)
    return training, development, sources


def _digest(sets: list["TaskSet"], table: str) -> str:
    """Of the rows of a table, as the sets that were made of it hold them."""
    from hashlib import sha256

    content = sha256()
    for one in sets:
        if one.name.startswith(f"{table}-"):
            for rows in (one.train, one.normal, one.anomalous):
                content.update(rows.astype("<f4").tobytes())
    return f"sha256:{content.hexdigest()}"


def _recipe(plan: "Plan") -> dict[str, object]:
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
