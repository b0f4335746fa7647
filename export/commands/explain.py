"""`onsight-export explain`: attributions beside the exact change of the score without each column."""

from pathlib import Path

import click

from export.commands.options import trusted_by, trusted_key_option


@click.command("explain", short_help="Show that attributions are true.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True, help="One set."
)
@click.option("--events", type=click.IntRange(1), default=5, show_default=True, help="Anomalies to explain.")
@click.option(
    "--rows", type=click.IntRange(1), default=128, show_default=True, help="Normal rows as context."
)
@trusted_key_option
def command(artifact: Path, data: Path, events: int, rows: int, key: Path | None) -> None:
    """For a few anomalies of a set: each column's share, and how much the score falls when the column is taken
    out of the event and of the whole context. The rank correlation of the two is stated.

    \b
    Example:  onsight-export explain "$(onsight artifact)" --data sets/some.npz
    """
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from export.evaluate import output_of, plain_inputs
    from export.explain import explain
    from export.tasks.sets import load_file
    from stream.artifact import load_artifact
    from stream.errors import InputError

    loaded = load_artifact(artifact, trusted=trusted_by(key))
    one = load_file(data)
    if not len(one.anomalous):
        raise InputError(f"{data} has no row labelled as an anomaly, so there is nothing to explain")
    inputs = plain_inputs(one.anomalous[:events], one.train[:0], one.train[:rows])
    found = explain(output_of(loaded.model, "score"), output_of(loaded.model, "attribution"), inputs)
    table = Table("event", "score", "column", "value", "share", "score falls by")
    for event in range(len(found.score)):
        for column in np.argsort(-found.attribution[event])[:3]:
            figures = (
                one.anomalous[event, column],
                found.attribution[event, column],
                found.change[event, column],
            )
            table.add_row(
                str(event), f"{found.score[event]:.4f}", str(column), *(f"{x:.4g}" for x in figures)
            )
    Console().print(table)
    click.echo(f"rank correlation over all columns, mean of the events: {np.nanmean(found.correlation):.3f}")
