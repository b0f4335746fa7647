"""`onsight topics`: make the topics that onsight needs, or show what is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from stream.job.topics import TopicState

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")


@click.group()
def command() -> None:
    """Make or show the topics of events, alerts, verdicts, dead letters and models.

    Their names, partitions and replication are settings (`onsight settings`). The events' topic should be
    partitioned by the entity: its key is the card, the host, whatever the profile's entity is.
    """


@command.command()
@settings_option
@json_option
def create(file: Path | None, as_json: bool) -> None:
    """Create the topics that don't exist; doing it again changes nothing.

    A topic that exists is never altered; where it differs from what onsight would make, that is shown.

    \b
    Example:
      ONSIGHT_KAFKA=broker-1:9092 ONSIGHT_PARTITIONS=12 ONSIGHT_REPLICATION=3 onsight topics create
    """
    _run(file, as_json, make=True)


@command.command()
@settings_option
@json_option
def describe(file: Path | None, as_json: bool) -> None:
    """Show each topic, whether it exists, and how it differs from what onsight would make.

    \b
    Example:
      onsight topics describe --json | jq '.[] | select(.differences != [])'
    """
    _run(file, as_json, make=False)


@command.command()
@settings_option
@click.option("--collect", is_flag=True, help="What `onsight-export collect` needs, instead of a worker.")
@click.argument("user")
def acls(file: Path | None, collect: bool, user: str) -> None:
    """Print what a worker that logs in as USER must be allowed to do, as calls of Kafka's own tool.

    Nothing is changed. A certificate's USER is its whole subject ("CN=onsight"), unless the brokers map it.

    \b
    Examples:
      onsight topics acls onsight
      onsight topics acls --collect onsight-exporter
    """
    from stream.job.rights import commands, rights, rights_to_collect
    from stream.settings import load_settings

    settings = load_settings(file)
    for line in commands(settings, (rights_to_collect if collect else rights)(settings), user):
        click.echo(line)


def _run(file: Path | None, as_json: bool, *, make: bool) -> None:
    from stream.job.clients import admin_client
    from stream.job.topics import create_topics, describe_topics, topic_specs
    from stream.settings import load_settings

    settings = load_settings(file)
    specs = topic_specs(settings)
    with admin_client(settings) as admin:
        made = create_topics(admin, specs) if make else frozenset()
        rows = [_row(state, state.spec.name in made) for state in describe_topics(admin, specs)]
    if as_json:
        import orjson

        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        _print_table(rows)


def _row(state: "TopicState", made: bool) -> dict[str, Any]:
    """A missing topic's row shows what it would be."""
    seen = state if state.exists else state.spec
    return {
        "topic": state.spec.name,
        "purpose": state.spec.purpose,
        "state": "created" if made else "exists" if state.exists else "missing",
        "partitions": seen.partitions,
        "replication": seen.replication,
        "configs": seen.configs,
        "differences": list(state.differences),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    colours = {"created": "green", "exists": "default", "missing": "red"}
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for column in ("topic", "holds", "state", "partitions", "replication", "differs"):
        number = column in ("partitions", "replication")
        table.add_column(
            column, justify="right" if number else "left", no_wrap=column not in ("holds", "differs")
        )
    for row in rows:
        state = f"[{colours[row['state']]}]{row['state']}[/]"
        counts = (str(row["partitions"]), str(row["replication"]))
        table.add_row(row["topic"], row["purpose"], state, *counts, "\n".join(row["differences"]) or "-")
    Console().print(table)
    if any(row["state"] == "missing" for row in rows):
        click.echo("`onsight topics create` makes the missing ones.")
