"""`onsight verdicts`: many verdicts at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from stream.settings import Settings
    from stream.verdict import Verdict
    from stream.verdict_orders import Order

SHOWN = 5  # of the lines that are wrong, or whose alert is not there


@click.group()
def command() -> None:
    """Give many verdicts at once; `onsight verdict` gives one."""


@command.command("import")
@click.argument("source", metavar="F", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", help="Who says so, where a line does not.  [default: the user's name]")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
def import_(source: Path, by: str | None, file: Path | None, as_json: bool) -> None:
    """Give the verdicts of F, JSON lines (gzipped too).

    A line names an alert or an event, and may say who and when; whole records of the verdicts topic are taken as they
    are. Nothing is written if a line is wrong. Alerts and events that are not there are told, the others' verdicts are
    written, and the exit status is 1. Doing it again changes nothing.

    \b
    Lines:
      {"alert": "d78f91038f637cae38d7a63ee20fa5c6", "verdict": "confirmed"}
      {"event": "payments/3/81224", "verdict": "dismissed", "by": "ann", "at": "2026-01-31T03:12:45Z"}
    \b
    Example:
      onsight verdicts import chargebacks.jsonl --by bank
    """
    import getpass
    import sys
    import time

    import orjson

    from stream.settings import load_settings

    orders = _read(source, by or getpass.getuser(), time.time())
    given, missing = give(load_settings(file), orders)
    for reason in missing[:SHOWN]:
        click.secho(f"onsight: {reason}", fg="red", err=True)
    if as_json:
        click.echo(orjson.dumps({"written": len(given), "missing": len(missing)}))
    else:
        click.echo(f"{len(given):,} verdicts written, {len(missing):,} left out")
    if missing:
        sys.exit(1)


def _read(source: Path, by: str, at: float) -> "list[Order | Verdict]":
    """All lines of a file. Raises InputError, which names the first of those that are wrong."""
    from stream.errors import InputError
    from stream.files import read_lines
    from stream.verdict_orders import read_order

    orders, wrong = [], []
    for run in read_lines(source):
        for number, line in enumerate(run.values, run.start + 1):
            try:
                orders.append(read_order(line, by, at))
            except InputError as error:
                wrong.append(f"{source}: verdict {number}: {error}")
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise InputError("nothing was written:\n  " + "\n  ".join(wrong[:SHOWN]) + more)
    return orders


def give(settings: "Settings", orders: "Sequence[Order | Verdict]") -> "tuple[list[Verdict], list[str]]":
    """Look up what the verdicts are on and write them; those written, and why others are not."""
    from stream.errors import InputError
    from stream.events import Decoder
    from stream.job.verdict_clients import find_alerts, read_event, write_verdicts
    from stream.profile import load
    from stream.verdict import Verdict
    from stream.verdict_orders import on_alert, on_event

    alerts = find_alerts(
        settings,
        {one.on for one in orders if not isinstance(one, Verdict) and isinstance(one.on, str)},
    )
    decoder = Decoder(load(settings.profile))
    given: list[Verdict] = []
    missing: list[str] = []
    for order in orders:
        if isinstance(order, Verdict):
            given.append(order)
        elif isinstance(order.on, str):
            if order.on in alerts:
                given.append(on_alert(order, alerts[order.on]))
            else:
                missing.append(
                    f"no alert {order.on!r} in topic {settings.alerts_topic!r} of {settings.kafka}"
                )
        else:
            try:
                batch = read_event(settings, order.on, decoder)
                given.append(on_event(order, order.on, decoder.profile, batch))
            except InputError as error:
                missing.append(str(error))
    write_verdicts(settings, given)
    return given, missing
