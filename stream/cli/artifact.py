"""`onsight artifact`: where the shipped model is."""

import click


@click.command()
@click.option("--baseline", is_flag=True, help="The baseline that a learned model has to beat.")
def command(baseline: bool) -> None:
    """Print the folder of the artifact that onsight uses when none is named.

    \b
    Example:  onsight replay --artifact "$(onsight artifact --baseline)" ...
    """
    from stream.artifact import shipped

    click.echo(shipped("knn") if baseline else shipped())
