"""`onsight check`: a dry run of a profile over real events; nothing is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from stream.events import EventBatch, Reject
    from stream.profile import Profile
    from stream.survey import Report

    Runs = Iterator[tuple[int, EventBatch, tuple[Reject, ...]]]


@click.command()
@click.option("--profile", "name", required=True, help="Built-in profile (card, zeek-conn) or a YAML file.")
@click.option(
    "--input", "source", type=click.Path(path_type=Path), help="JSON lines (gzipped too) or Parquet."
)
@click.option("--topic", help="Kafka topic, read from its newest events.")
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1), help="Events to read.")
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    help="For --topic: settings file.  [env: ONSIGHT_SETTINGS]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def command(
    name: str, source: Path | None, topic: str | None, limit: int, file: Path | None, as_json: bool
) -> None:
    """Show what a profile makes of real events, before any worker runs.

    Which fields are missing or of the wrong type, which events would be dead letters and why, how many
    entities there are, and the first features as the model sees them. Nothing is written, and no offset
    is committed. With --topic it also notices entities that are in more than one partition.
    Exit status 1 if no event could be read.

    \b
    Examples:
      onsight check --profile card --input payments.jsonl
      ONSIGHT_KAFKA=broker-1:9092 onsight check --profile my.yaml --topic payments
    """
    from stream.errors import InputError
    from stream.profile import load
    from stream.survey import Survey

    if (source is None) == (topic is None):
        raise click.UsageError("give exactly one of --input and --topic")
    profile = load(name)
    survey = Survey(profile)
    runs = _from_file(source, profile, limit) if source else _from_topic(topic or "", profile, limit, file)
    for partition, batch, rejects in runs:
        survey.on_batch(batch, rejects, partition)
    report = survey.report()
    if as_json:
        import orjson

        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        _print(report, profile)
    if not report.good:
        raise InputError(
            f"none of {report.events:,} events of {source or topic} could be read "
            f"with profile {profile.name}; `onsight init` proposes a profile from a sample of your events"
        )


def _from_file(source: Path, profile: "Profile", limit: int) -> "Runs":
    from stream.events import Decoder
    from stream.files import read_events

    left = limit
    for batch, rejects in read_events(source, Decoder(profile), size=min(limit, 2048)):
        # A run's events and rejects share its offsets, so the limit is a place in the file.
        stop = int((batch.offset < limit).sum())
        yield 0, batch.part(0, stop), tuple(reject for reject in rejects if reject.offset < limit)
        left -= len(batch) + len(rejects)
        if left <= 0:
            return


def _from_topic(topic: str, profile: "Profile", limit: int, file: Path | None) -> "Runs":
    from stream.job.newest import newest
    from stream.job.source_decoder import source_decoder
    from stream.settings import load_settings

    settings = load_settings(file)
    decoder = source_decoder(settings, profile)
    for run in newest(settings, topic, limit):
        yield run.partition, *decoder.decode(run.keys, run.values, run.offsets, run.headers)


def _print(report: "Report", profile: "Profile") -> None:
    from rich.console import Console

    console = Console()
    console.print(
        f"[bold]{report.events:,}[/] events read with profile [bold]{report.profile}[/]: "
        f"{report.good:,} good, {report.events - report.good:,} would be dead letters"
    )
    console.print(_fields(report))
    if report.rejects:
        console.print(_rejects(report))
    if report.good:
        each = report.events_per_entity
        console.print(
            f"entities ({profile.noun}): {report.entities:,}, with {each['median']:,.0f} events in the median "
            f"and {each['most']:,.0f} at most; events from {report.first_time} to {report.last_time}"
        )
        console.print(_features(report))
    for advice in advices(report, profile):
        console.print(f"[yellow]! {advice}[/]", highlight=False)


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    return Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)


def _fields(report: "Report") -> "Table":
    from rich.text import Text

    table = _table("Fields", "field", "read as", "missing", "wrong", "holds")
    for field in report.fields:
        missing, wrong = _share(field.missing, report.events), _share(field.wrong, report.events)
        table.add_row(Text(field.field), field.read_as, missing, wrong, Text(field.holds))
    return table


def _rejects(report: "Report") -> "Table":
    from rich.text import Text

    table = _table("Dead letters", "reason", "events", "first at", "detail of the first")
    for reject in report.rejects:
        place = f"partition {reject.partition}, offset {reject.offset}"
        table.add_row(reject.reason, _share(reject.events, report.events), place, Text(reject.detail))
    return table


def _features(report: "Report") -> "Table":
    """A row for each feature, a column for each event: names are long, and events are alike."""
    from rich.text import Text

    table = _table("First features, as the model sees them")
    table.add_column("feature", no_wrap=True)
    for event in report.features:
        table.add_column(Text(f"{event.entity}\n{event.time}"), justify="right")
    for name in report.features[0].columns:
        values = [event.columns[name] for event in report.features]
        table.add_row(Text(name), *(Text(f"{v:.4g}" if isinstance(v, float) else v or "-") for v in values))
    return table


def _share(count: int, events: int) -> str:
    return f"{count:,} ({count / events:.1%})" if count else "-"


def advices(report: "Report", profile: "Profile") -> list[str]:
    """What to do about what was seen, one sentence each."""
    found = [
        f"{field.field} ({field.read_as}) is in no event: is its path right?"
        for field in report.fields
        if report.good and field.holds == "nothing"
    ]
    if report.last_time and report.last_time.startswith("1970"):
        found.append(f"all times are in 1970: is {profile.time.unit} the unit of {profile.time.field}?")
    if report.strayed:
        some = ", ".join(f"{name} in {' and '.join(map(str, seen))}" for name, seen in report.strays.items())
        found.append(
            f"entities in more than one partition: {report.strayed:,}{f' ({some})' if some else ''}. It splits "
            f"their history: let the producer use {profile.entity} as the record key, or set route to true "
            "(ONSIGHT_ROUTE), which sends events through an internal topic keyed by the entity first"
        )
    return found
