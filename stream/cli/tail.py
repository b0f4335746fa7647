"""`onsight tail`: follow the alerts and read them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from rich.text import Text

    from stream.settings import Settings

COLOURS = {"medium": "yellow", "high": "bold orange1", "critical": "bold red"}


@click.command()
@click.option("--from-beginning", is_flag=True, help="Start at the oldest alert, not at the next one.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many alerts.")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="The alerts as they are, one JSON object a line.")
def command(from_beginning: bool, count: int | None, file: Path | None, as_json: bool) -> None:
    """Follow the alerts topic until Ctrl-C. Joins no consumer group, commits no offset.

    \b
    Examples:
      onsight tail --from-beginning --count 10
      onsight tail --json | jq -r '[.time, .entity, .reasons[0].text] | @tsv'
    """
    import sys

    from rich.console import Console

    from stream.settings import load_settings

    console = Console(highlight=False)
    try:
        for body in islice(alerts(load_settings(file), from_beginning), count):
            if as_json:
                sys.stdout.buffer.write(body + b"\n")
                sys.stdout.buffer.flush()
            else:
                console.print(readable(body), soft_wrap=True)
    except KeyboardInterrupt:
        return


def alerts(settings: "Settings", from_beginning: bool) -> Iterator[bytes]:
    """Bodies of the alerts as they come, never ending. Raises BrokerError."""
    from stream.job.clients import partitions_of, reading_client

    with reading_client(settings) as consumer:
        partitions = partitions_of(settings, consumer, settings.alerts_topic)
        consumer.assign(partitions)
        (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
        for record in consumer:
            if record.value is not None:
                yield record.value


def printable(text: str) -> str:
    """The text without what a terminal would obey: anybody may have written the event behind an alert."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _notice(found: dict[str, Any]) -> "Text":
    """What a worker tells beside alerts: a drift that began, or a model that was refused."""
    from rich.text import Text

    if "psi" in found:
        place = f"partition {found['source']['partition']} of {found['source']['topic']}"
        text = f"{found['feature']} has drifted in {place} (population stability index {found['psi']:.2f})"
    else:
        text = f"a model was refused as {found['role']}: {found['reason']}"
    return (
        Text(f"{found['time'][:19].replace('T', ' ')}  ")
        .append(f"{'NOTICE':<8}", "bold blue")
        .append(f"  {printable(text)}")
    )


def readable(body: bytes) -> "Text":
    """An alert as a person reads it: a line of facts, then its reasons, then what was folded into it."""
    import orjson
    from rich.text import Text

    try:
        alert: dict[str, Any] = orjson.loads(body)
        if "severity" not in alert:
            return _notice(alert)
        severity, related = alert["severity"], alert["related"]
        lines = Text(f"{alert['time'][:19].replace('T', ' ')}  ")
        lines.append(f"{severity.upper():<8}", COLOURS.get(severity, "bold"))
        lines.append(f"  {printable(alert['entity'])}", "bold")
        lines.append(f"  score {alert['score']:.3f}  p {alert['p_value']:.2g}", "dim")
        for reason in alert["reasons"]:
            lines.append(f"\n    {printable(reason['text'])}")
        if related["count"]:
            since = (related["first_seen"] or "").replace("T", " ")[:19]
            lines.append(f"\n    and {related['count']} more like it since {since}", "dim")
        return lines
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        return Text(f"not an alert ({type(error).__name__}: {error}): {body[:80]!r}", "red")
