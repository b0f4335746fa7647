"""`onsight settings`: every setting with its value, meaning and unit."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from stream.settings import Settings


@click.command()
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def command(file: Path | None, as_json: bool) -> None:
    """Show every setting: its value here and now, its default, what it means.

    A setting comes from the environment (ONSIGHT_KAFKA) or from a file (kafka: ...); the environment wins.
    All of them are validated, and every bad or unknown one is reported at once. Secrets are never printed.

    \b
    Example:
      ONSIGHT_KAFKA=broker-1:9092 onsight settings --settings onsight.yaml
    """
    from stream.settings import load_settings

    rows = describe(load_settings(file))
    if as_json:
        import orjson

        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        _print_table(rows)


def describe(settings: "Settings") -> list[dict[str, Any]]:
    """One row a setting: name, variable, value (secrets as ***), default, meaning, unit."""
    from stream.settings import variable

    values = settings.model_dump(mode="json")
    rows = []
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        secret = "SecretStr" in str(field.annotation) and values[name] is not None
        rows.append(
            {
                "name": name,
                "variable": variable(name),
                "value": "***" if secret else values[name],
                "default": field.default,
                "meaning": field.description,
                "unit": extra.get("unit", ""),
            }
        )
    return rows


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning (unit; default)")
    for row in rows:
        changed = row["value"] != row["default"]
        value = Text(_shown(row["value"]), style="bold green" if changed else "")
        table.add_row(row["name"], value, Text(f"{row['meaning']}{_notes(row)}"))
    Console().print(table)
    click.echo("A setting's environment variable is ONSIGHT_ and its name in capitals, as in ONSIGHT_KAFKA.")


def _notes(row: dict[str, Any]) -> str:
    default = "" if row["default"] is None else f"default {_shown(row['default'])}"
    notes = "; ".join(filter(None, (row["unit"], default)))
    return f" ({notes})" if notes else ""


def _shown(value: object) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
