"""`onsight produce`: play a file into a topic."""

from pathlib import Path

import click

from stream.cli.options import input_option, settings_option


@click.command()
@click.option(
    "--profile",
    "profile_name",
    required=True,
    help="Built-in profile, or a YAML file: names the entity and time.",
)
@input_option
@click.option("--topic", help="Topic to write to.  [default: the setting input_topic]")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), help="Times as fast as the events happened."
)
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of a progress bar.")
def command(
    profile_name: str,
    source: Path,
    topic: str | None,
    rate: float | None,
    speed: float | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Play a file of events into a topic, keyed by the profile's entity, in the order of event time.

    Without --rate or --speed the events go as fast as the brokers take them. Events without a readable entity
    or time are left out and counted. A file that is out of order by more than 100,000 events stays so.

    \b
    Examples:
      onsight produce --profile card --input cards.jsonl.gz --rate 1000
      onsight produce --profile zeek-conn --input conn.log --speed 60     (an hour in a minute)
    """
    import asyncio
    from collections import Counter

    from stream.cli.progress import progress
    from stream.events import Decoder, Reject
    from stream.files import read
    from stream.job.connection import partition_count
    from stream.job.player import Pace, file_events, in_time_order, play
    from stream.profile import load
    from stream.settings import load_settings

    if rate and speed:
        raise click.UsageError("--rate and --speed exclude each other: give one of them")
    settings = load_settings(file, input_topic=topic)
    profile = load(profile_name)
    partition_count(settings, settings.input_topic)  # says so where there is no such topic
    left_out: Counter[str] = Counter()

    def count(reject: Reject) -> None:
        left_out[reject.reason] += 1

    events = in_time_order(file_events(source, Decoder(profile), count))
    total = sum(map(len, read(source, ())))
    with progress(total, shown=not as_json) as advance:
        played = asyncio.run(play(settings, settings.input_topic, events, Pace(rate, speed), advance))
    _report(played, dict(left_out), settings.input_topic, as_json)


def _report(played: int, left_out: dict[str, int], topic: str, as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps({"topic": topic, "played": played, "left_out": left_out}))
        return
    click.echo(f"{played:,} events are in {topic}")
    for reason, count in sorted(left_out.items()):
        click.echo(f"{count:,} left out: {reason} (`onsight check` shows why)")
