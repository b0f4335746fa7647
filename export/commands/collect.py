"""`onsight-export collect`: events, alerts and verdicts from Kafka's topics into an experience store."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from export.experience.collector import Collector
    from export.experience.store import Store
    from stream.job.follow import Follower

COMMIT_ROWS = 100_000
COMMIT_SECONDS = 30.0
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Size(click.ParamType):
    """Bytes, as 500M or 10G; binary units."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+)\s*([KMGT]?)(i?B)?", str(value).strip(), re.IGNORECASE)
        if not found:
            self.fail(f"{value!r} is no size, expected bytes such as 500M or 10G", param, ctx)
        return int(found[1]) * UNITS[found[2].upper()]


@click.command("collect", short_help="Keep events, alerts and verdicts as experience to train on.")
@click.option(
    "--store",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The store's folder.",
)
@click.option(
    "--limit",
    type=Size(),
    default="8G",
    show_default=True,
    help="Size of the store; the oldest days go first.",
)
@click.option("--follow", is_flag=True, help="Go on for ever, not only to the topics' ends.")
@click.option("--group", help="Consumer group that shows the lag.  [default: APPLICATION_ID.experience]")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of a progress bar.")
def command(
    folder: Path, limit: int, follow: bool, group: str | None, file: Path | None, as_json: bool
) -> None:
    """Collect what is in the topics of events, alerts and verdicts into a store of Parquet files.

    The rows are those that the worker's model saw, with their entity and time. What the profile masks is left out, as
    are features of kind verdicts, and a masked entity is kept as a hash. Which offsets the rows reach to stands in the
    store, so a run goes on exactly where the last one was, however that ended. Brokers, topics and the profile are
    settings, as the worker's.

    \b
    Examples:
      onsight-export collect --store experience --limit 20G
      onsight-export train --replay experience=0.3 --out my-model
    """
    from export.experience.collector import Collector, Topics
    from export.experience.columns import columns_of, layout_of
    from export.experience.store import Store
    from stream.job.follow import Follower
    from stream.job.source_decoder import source_decoder
    from stream.profile import load
    from stream.settings import load_settings

    settings = load_settings(file)
    profile = load(settings.profile)
    topics = Topics(settings.source_topic, settings.alerts_topic, settings.verdicts_topic)
    names = (topics.verdicts, topics.alerts, topics.events)
    with (
        Store(folder, layout_of(profile), columns_of(profile), limit) as store,
        Follower(settings, group or f"{settings.application_id}.experience", names) as follower,
    ):
        collector = Collector(store, source_decoder(settings, profile), topics, settings.max_keys)
        _collect(collector, store, follower, endless=follow, shown=not as_json)
        _report(folder, collector, store, as_json)


def _collect(
    collector: "Collector", store: "Store", follower: "Follower", *, endless: bool, shown: bool
) -> None:
    """Read to the end, or until a signal; what was read is committed, however this ends without a crash."""
    from time import monotonic

    from stream.cli.progress import progress

    left = follower.seek(store.content.offsets)
    for (topic, partition), number in follower.skipped.items():
        click.secho(
            f"{topic}[{partition}]: {number:,} records were gone before they could be read",
            fg="yellow",
            err=True,
        )
    since = monotonic()
    with _stop_signals() as stopped, progress(left, shown=shown) as advance:
        while not stopped() and (endless or not follower.at_end):
            for one in follower.poll():
                collector.add(one)
                advance(len(one.offsets))
            if collector.waiting >= COMMIT_ROWS or monotonic() - since > COMMIT_SECONDS:
                _commit(collector, store, follower)
                since = monotonic()
    _commit(collector, store, follower)


def _commit(collector: "Collector", store: "Store", follower: "Follower") -> None:
    if collector.waiting:
        collector.commit()
        follower.commit(store.content.offsets)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Yields whether somebody has asked for an end: Ctrl-C or SIGTERM, which end nothing by themselves meanwhile."""
    import signal

    asked: list[int] = []
    numbers = signal.SIGINT, signal.SIGTERM
    before = [signal.signal(number, lambda number, _: asked.append(number)) for number in numbers]
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _report(folder: Path, collector: "Collector", store: "Store", as_json: bool) -> None:
    content, counts = store.content, collector.counts
    told: dict[str, object] = {name: counts[name] for name in ("events", "alerts", "verdicts", "left out")}
    told |= {
        "stored rows": sum(file.rows for file in content.files if file.kind != "state"),
        "stored bytes": sum(file.bytes for file in content.files),
        "dropped rows": content.dropped,
        "days": len({file.day for file in content.files if file.kind == "events"}),
    }
    if as_json:
        import orjson

        click.echo(orjson.dumps({name.replace(" ", "_"): value for name, value in told.items()}))
    else:
        click.echo(f"{folder}: " + ", ".join(f"{value:,} {name}" for name, value in told.items()))
