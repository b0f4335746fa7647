"""`onsight replay` of four months of card transactions, on one core."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from stream.artifact import BASELINE, shipped
from tests.bench.cluster import GaveUp
from tests.bench.report import finish, say, spread
from tests.bench.worker import ONSIGHT

PROFILE = Path(__file__).parents[1] / "data" / "handbook-cards.yaml"
FILE = "card-transactions.parquet"


@click.command()
@click.option("--events", default=0, help="Only the first so many; 0: the whole file.")
@click.option("--repeats", default=3, help="Runs.")
@click.option("--core", default=0, help="The core to run on.")
def command(events: int, repeats: int, core: int) -> None:
    """Events a second and memory of `onsight replay` over the card transactions of ONSIGHT_DATA."""
    folder = os.environ.get("ONSIGHT_DATA")
    if not folder or not (Path(folder) / FILE).is_file():
        raise GaveUp(f"ONSIGHT_DATA is {folder or 'unset'}, expected the path of a folder with {FILE} in it")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})  # the replay inherits it
    with tempfile.TemporaryDirectory() as scratch:
        source, total = _head(Path(folder) / FILE, Path(scratch), events)
        rates, memory = zip(*(_replay(source, Path(scratch), total) for _ in range(repeats)), strict=True)
    finish(
        {
            "events_per_s": spread(rates, 0)["median"],
            "rss_mib": spread(memory, 1)["max"],
            "spreads": {"events_per_s": spread(rates, 0), "rss_mib": spread(memory, 1)},
            "events": total,
        }
    )


def _head(file: Path, scratch: Path, events: int) -> tuple[Path, int]:
    """The file to replay, and how many events it holds."""
    import pyarrow.parquet as parquet

    opened = parquet.ParquetFile(file)
    if not events:
        return file, opened.metadata.num_rows
    head = next(opened.iter_batches(events))
    import pyarrow

    parquet.write_table(pyarrow.Table.from_batches([head]), scratch / FILE)
    return scratch / FILE, head.num_rows


def _replay(source: Path, scratch: Path, total: int) -> tuple[float, float]:
    """Events a second of the whole process, start included, and its peak memory in MiB."""
    output = scratch / "scores.parquet"
    command = [
        str(ONSIGHT),
        "replay",
        "--artifact",
        str(shipped(BASELINE)),  # this measures the event path, not the model
        "--profile",
        str(PROFILE),
        "--input",
        str(source),
        "--output",
        str(output),
    ]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise GaveUp(f"onsight replay ended with status {process.returncode}")
    say(f"{total:,} events in {seconds:.1f} s")
    return total / seconds, usage.ru_maxrss / 1024
