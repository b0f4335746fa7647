"""`onsight artifact`: where the shipped models are."""

import sys

import click


@click.command()
@click.option(
    "--baseline", is_flag=True, help="The nearest-neighbour artifact, in which nothing was learned."
)
def command(baseline: bool) -> None:
    """Print the folder of the trained model that comes with onsight, or of the baseline that it has to beat.

    On a terminal it also says whether the worker and `onsight replay` run it where no artifact is named.

    \b
    Example:  onsight replay --artifact "$(onsight artifact)" ...
    """
    from stream.artifact import BASELINE, DEFAULT, LEARNED, shipped

    chosen = BASELINE if baseline else LEARNED
    click.echo(shipped(chosen))
    if sys.stdout.isatty():
        which = "this one" if chosen == DEFAULT else "the other one"
        click.echo(f"Where no artifact is named, the worker and `onsight replay` run {which}.", err=True)
