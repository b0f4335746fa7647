"""`onsight-export`: build, verify and sign artifacts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from export.commands import collect, evaluate, explain, publish, reference, train
from export.commands.options import KEYS, signing_key_option, trusted_by, trusted_key_option
from stream.errors import OnsightError

if TYPE_CHECKING:
    from export.contract import Finding


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Make the models that onsight runs.

    \b
    onsight-export keys                  once: a pair of signing keys
    onsight-export knn                   build the nearest-neighbour artifact into the package
    onsight-export collect --store FOLDER    keep a stream's events and verdicts to train on
    onsight-export train --out FOLDER    meta-train a model
    onsight-export verify FOLDER         hold any artifact against the whole contract
    onsight-export evaluate FOLDER --data SETS    measure it beside others
    onsight-export explain FOLDER --data SET      show that its attributions are true
    onsight-export reference FOLDER --profile P --store S --out FOLDER    tell it how a stream usually is
    onsight-export publish FOLDER --profile P     put it on the models topic, for running workers
    """


cli.add_command(collect.command)
cli.add_command(train.command)
cli.add_command(evaluate.command)
cli.add_command(explain.command)
cli.add_command(publish.command)
cli.add_command(reference.command)


@cli.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=KEYS, show_default=True, help="Folder to write."
)
def keys(out: Path) -> None:
    """Make an Ed25519 pair: private.pem signs artifacts, public.pem lets a worker trust them.

    Put a copy of public.pem, under any name ending in .pem, into the folder that the workers' setting trusted_keys
    names; or into stream/keys/ of the package, to have every worker trust it.
    """
    from export.package import make_keys

    for path in make_keys(out.expanduser()):
        click.echo(path)


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: the package's own]")
@signing_key_option
def knn(out: Path | None, key: Path) -> None:
    """Build the nearest-neighbour artifact: no training, no data, the same bytes every time."""
    from export.knn import RECIPE, SOURCES, build
    from export.package import read_private_key, write_artifact
    from stream.artifact import shipped

    folder = out or shipped("knn")
    private = read_private_key(key.expanduser())
    write_artifact(folder, build(), private, name="knn", version="1", recipe=RECIPE, sources=SOURCES)
    click.echo(folder)


@cli.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@trusted_key_option
@click.option(
    "--profile",
    "name",
    help="Built-in profile or YAML file that the manifest's reference for drift has to fit.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def verify(artifact: Path, key: Path | None, name: str | None, as_json: bool) -> None:
    """Hold the ARTIFACT folder against every sentence of the model contract; exit status 1 if one fails.

    \b
    Example:  onsight-export verify "$(onsight artifact)"
    """
    from export.contract import verify as hold
    from stream.profile import load

    findings = hold(artifact, trusted_by(key), load(name) if name else None)
    passed = all(finding.passed for finding in findings)
    if as_json:
        import orjson

        click.echo(orjson.dumps({"artifact": str(artifact), "passed": passed, "checks": findings}))
    else:
        _print(findings)
    sys.exit(0 if passed else 1)


def _print(findings: "list[Finding]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "the contract says", "measured", "at most")
    for finding in findings:
        mark = "[green]pass[/]" if finding.passed else "[red]FAIL[/]"
        table.add_row(mark, finding.sentence, finding.error or f"{finding.figure:.2g}", f"{finding.limit:g}")
    Console().print(table)


def main() -> None:
    """Run the command line; an `OnsightError` becomes one readable message and exit status 1."""
    try:
        cli()
    except OnsightError as error:
        click.secho(f"onsight-export: {error}", fg="red", err=True)
        sys.exit(1)
