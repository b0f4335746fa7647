"""`onsight status`: what became of alerts, day by day."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from stream.settings import Settings


@click.command()
@click.option(
    "--days", default=14, show_default=True, type=click.IntRange(1), help="The newest days with any."
)
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def command(days: int, file: Path | None, as_json: bool) -> None:
    """Show by day how many alerts left, how much of the budget that was, and how many were right.

    Read from the topics of alerts and verdicts, so no worker need be up. An alert counts on the day of its event, a
    verdict on the day on which it was given; precision is confirmed / (confirmed + dismissed).

    \b
    Example:
      onsight status --json | jq '.days[] | select(.precision != null and .precision < 0.2)'
    """
    from stream.profile import load
    from stream.settings import load_settings

    settings = load_settings(file)
    profile = load(settings.profile)
    rows = _rows(settings, profile.name, profile.alerts.per_day)[-days:]
    if as_json:
        import orjson

        click.echo(orjson.dumps({"profile": profile.name, "days": rows}))
    else:
        _print_table(profile.name, rows)


def _rows(settings: "Settings", profile: str, per_day: float | None) -> list[dict[str, Any]]:
    """One row a day, the oldest first; budget_use and precision are None where there is none."""
    from stream.job.verdict_clients import alerts_by_day, read_precision

    alerts, judged = alerts_by_day(settings, profile), read_precision(settings).by_day()
    rows = []
    for day in sorted(alerts.keys() | judged.keys()):
        sent, found = alerts[day], judged.get(day, Counter[str]())
        rows.append(
            {
                "day": day,
                "alerts": sent,
                "budget_use": round(sent / per_day, 3) if per_day else None,
                "confirmed": found["confirmed"],
                "dismissed": found["dismissed"],
                "precision": round(found["confirmed"] / found.total(), 3) if found else None,
            }
        )
    return rows


def _print_table(profile: str, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", title=f"profile {profile}", title_justify="left")
    for column in ("day", "alerts", "of budget", "confirmed", "dismissed", "precision"):
        table.add_column(column, justify="left" if column == "day" else "right")
    for row in rows:
        use, right = (
            "-" if row[name] is None else f"{row[name]:.0%}" for name in ("budget_use", "precision")
        )
        table.add_row(
            row["day"], f"{row['alerts']:,}", use, f"{row['confirmed']:,}", f"{row['dismissed']:,}", right
        )
    Console().print(table)
    if not rows:
        click.echo("No alert and no verdict yet.")
