"""`onsight verdict`: say what an alert, or any event, was."""

from pathlib import Path

import click

from stream.cli.options import settings_option


@click.command()
@click.option("--alert", "alert", metavar="ID", help="The alert's id, as `onsight tail --json` shows it.")
@click.option("--event", "event", metavar="TOPIC/PARTITION/OFFSET", help="Or any event, by its place.")
@click.option(
    "--verdict",
    "said",
    required=True,
    type=click.Choice(["confirmed", "dismissed"]),
    help="confirmed: it was an anomaly; dismissed: it was not.",
)
@click.option("--by", help="Who says so.  [default: the user's name]")
@click.option("--at", help="When, as 2026-01-31T03:12:45Z.  [default: now]")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="The verdict as it was written, instead of a sentence.")
def command(
    alert: str | None,
    event: str | None,
    said: str,
    by: str | None,
    at: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Give a verdict: within a second every worker scores with it.

    A confirmed anomaly makes what is like it stranger, also on other entities; a dismissed alert makes what is like
    it calmer; and both are what features of kind `verdicts` count. A later verdict on the same event takes the place
    of an earlier one.

    \b
    Examples:
      onsight verdict --alert d78f91038f637cae38d7a63ee20fa5c6 --verdict confirmed
      onsight verdict --event payments/3/81224 --verdict dismissed --by ann
      onsight tail --json | jq -r .id          # the ids of the alerts that come
    """
    import getpass
    import time

    from stream.cli.verdicts import give
    from stream.errors import InputError
    from stream.settings import load_settings
    from stream.verdict import moment, outcome
    from stream.verdict_orders import Order, place_of

    if (alert is None) == (event is None):
        raise click.UsageError("expected either --alert ID or --event TOPIC/PARTITION/OFFSET")
    on = alert if alert is not None else place_of(event or "")
    order = Order(on, outcome(said), by or getpass.getuser(), moment(at) if at else time.time())
    given, missing = give(load_settings(file), [order])
    if missing:
        raise InputError(missing[0])
    if as_json:
        click.echo(given[0].body())
    else:
        click.echo(f"{said}: {given[0].id} of {given[0].entity}")
