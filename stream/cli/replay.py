"""`onsight replay`: the detector over a file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.cli.options import input_option, max_keys_option

if TYPE_CHECKING:
    from stream.events import Reject
    from stream.replay import Replay, Scored
    from stream.verdict import Verdict


@click.command()
@click.option("--profile", "name", required=True, help="Built-in profile (card, zeek-conn) or a YAML file.")
@input_option
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .parquet, .jsonl or .jsonl.gz.",
)
@click.option(
    "--rejects",
    "rejects_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON lines of the records that can't be read, and why.",
)
@click.option(
    "--verdicts",
    "verdicts_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of verdicts, as the verdicts topic has them; each is applied at its time.",
)
@click.option("--topic", default="replay", show_default=True, help="Topic to act like; verdicts name it.")
@click.option(
    "--artifact", type=click.Path(path_type=Path), help="Model folder.  [default: the one in the package]"
)
@click.option(
    "--partitions",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Partitions of the topic to act like.",
)
@max_keys_option
@click.option(
    "--batch",
    "size",
    default=8192,
    show_default=True,
    type=click.IntRange(1),
    help="Events read at once; changes no result.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end instead of a progress bar.")
def command(
    name: str,
    source: Path,
    output: Path,
    rejects_path: Path | None,
    verdicts_path: Path | None,
    topic: str,
    artifact: Path | None,
    partitions: int,
    max_keys: int,
    size: int,
    as_json: bool,
) -> None:
    """Score the events of a file with the very detector that `onsight worker` runs; no Kafka.

    Writes one row an event: position (its place in the file from 0), entity, time, score, p_value, alert and, for
    alerts, reasons. Records that can't be read are left out and counted; --rejects says which and why. The same
    input gives the same bytes. With --partitions 4 the scores and alerts are those of a worker on a topic of 4
    partitions that `onsight produce` filled with the file. --verdicts gives what `onsight verdict` would have written,
    in event time; the events that they are on are those of --topic. Exit status 1 if no event could be read.

    \b
    Examples:
      onsight replay --profile card --input cards.jsonl.gz --output scores.parquet
      onsight replay --profile my.yaml --input events.parquet --output scores.jsonl --rejects bad.jsonl --json
    """
    from time import perf_counter

    from stream.artifact import load_artifact, shipped
    from stream.errors import InputError
    from stream.events import Decoder
    from stream.files import read_events
    from stream.memory import keep_freed_memory
    from stream.profile import load
    from stream.replay import Replay
    from stream.scorer import Scorer

    if source.resolve() in (output.resolve(), rejects_path and rejects_path.resolve()):
        raise click.UsageError(f"{source} is both read and written: give the output a name of its own")
    keep_freed_memory()
    profile = load(name)
    replay = Replay(
        profile,
        Scorer.for_profile(load_artifact(artifact or shipped()), profile),
        topic=topic,
        partitions=partitions,
        max_keys=max_keys,
        verdicts=_verdicts(verdicts_path) if verdicts_path else (),
    )
    begin = perf_counter()
    with _files(source, output, rejects_path, shown=not as_json) as write:
        for batch, rejects in read_events(source, Decoder(profile), size):
            write(replay.on_batch(batch, rejects), rejects)
    _report(replay, replay.events / (perf_counter() - begin), output, as_json)
    if not replay.events:
        raise InputError(f"no event of {source} could be read; `onsight check` shows why")


def _verdicts(path: Path) -> "list[Verdict]":
    """Raises InputError, with the line that is no verdict."""
    from stream.errors import InputError
    from stream.files import read_lines
    from stream.verdict import parse

    found = []
    for run in read_lines(path):
        for number, line in enumerate(run.values, run.start + 1):
            try:
                found.append(parse(line))
            except InputError as error:
                raise InputError(f"{path}: line {number}: {error}") from error
    return found


@contextmanager
def _files(
    source: Path, output: Path, rejects_path: Path | None, *, shown: bool
) -> "Iterator[Callable[[Scored, Sequence[Reject]], None]]":
    """Opens what is written, with a progress bar; yields what writes a batch."""
    from stream.cli.progress import progress
    from stream.files import read
    from stream.scored_file import rejects_file, scored_file

    total = sum(map(len, read(source, ()))) if shown else 0
    rejected = rejects_file(rejects_path) if rejects_path else nullcontext()
    with scored_file(output) as write, rejected as write_rejects, progress(total, shown=shown) as advance:

        def write_all(scored: "Scored", rejects: "Sequence[Reject]") -> None:
            write(scored)
            if write_rejects:
                write_rejects(rejects)
            advance(len(scored) + len(rejects))

        yield write_all


def _report(replay: "Replay", rate: float, output: Path, as_json: bool) -> None:
    rejects = dict(sorted(replay.rejects.items()))
    if as_json:
        import orjson

        summary = {
            "events": replay.events,
            "rejects": rejects,
            "alerts": replay.alerts,
            "keys": replay.keys,
            "verdicts": _outcomes(replay),
            "events_per_s": round(rate),
        }
        click.echo(orjson.dumps(summary))
        return
    click.echo(
        f"{replay.events:,} events of {replay.keys:,} entities, {replay.alerts:,} alerts: {output} "
        f"({rate:,.0f} events/s)"
    )
    if outcomes := _outcomes(replay):
        click.echo("verdicts: " + ", ".join(f"{count:,} {which}" for which, count in outcomes.items()))
    for reason, count in rejects.items():
        click.echo(f"{count:,} left out: {reason} (`onsight check` shows why)", err=True)


def _outcomes(replay: "Replay") -> dict[str, int]:
    """How many verdicts had which outcome."""
    return {f"{verdict} {outcome}": count for (verdict, outcome), count in sorted(replay.outcomes.items())}
