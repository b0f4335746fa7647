"""What the changelog's layout costs: blocks of 8 rows against single rows and whole windows."""

from statistics import median
from time import perf_counter

import click
import numpy as np

from stream.records import Record
from stream.windows import Windows
from tests.bench.report import finish, say

ROWS, COLUMNS, EPOCH = 64, 8, 512
LAYOUTS = {"single rows": 1, "blocks of 8": 8, "whole windows": ROWS}
OVERHEAD = 8  # bytes of a record in a Kafka batch beside its key and value


@click.command()
@click.option("--keys", default=12_500, help="Entities of one partition.")
@click.option("--events", default=1_000_000, help="Events, after every window has been filled.")
@click.option(
    "--flush", "flushes", default=(64, 2048, 8192), multiple=True, help="Events between two flushes."
)
@click.option("--repeats", default=3)
def command(keys: int, events: int, flushes: tuple[int, ...], repeats: int) -> None:
    """Changelog layouts: bytes and CPU an event, records and seconds to recover."""
    result = {}
    for name, block in LAYOUTS.items():
        for flush in flushes:
            say(f"{name}, a flush every {flush} events")
            result[f"{name}, flush {flush}"] = _measure(block, keys, min(events, 256 * flush), flush, repeats)
    finish({"keys": keys, "layouts": result})


def _measure(block: int, keys: int, events: int, flush: int, repeats: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    windows = Windows(ROWS, COLUMNS, keys, EPOCH, block)
    names = [f"card-{key:08d}" for key in range(keys)]
    state: dict[bytes, bytes | None] = {}
    for turn in range(ROWS):
        _append(windows, names, rng, turn * keys)
    state.update(windows.changes())
    size, spent = 0, 0.0
    for start in range(0, events, flush):
        for part in range(start, start + flush, EPOCH):
            chosen = rng.integers(keys, size=min(EPOCH, start + flush - part))
            _append(windows, [names[i] for i in chosen], rng, ROWS * keys + part)
        begun = perf_counter()
        records = windows.changes()
        spent += perf_counter() - begun
        size += sum(len(key) + len(value or b"") + OVERHEAD for key, value in records)
        state.update(records)
    seconds = [_recover(block, keys, list(state.items())) for _ in range(repeats)]
    return {
        "bytes_per_event": round(size / events, 1),
        "cpu_us_per_event": round(spent / events * 1e6, 3),
        "records_to_recover": len(state),
        "mib_to_recover": round(sum(len(k) + len(v or b"") for k, v in state.items()) / 2**20, 1),
        "recover_s": round(median(seconds), 3),
    }


def _append(windows: Windows, names: list[str], rng: np.random.Generator, offset: int) -> None:
    offsets = np.arange(offset, offset + len(names))
    at = windows.place(names, offsets)
    rows = rng.standard_normal((len(names), COLUMNS)).astype(np.float32)
    windows.append(at, rows, np.zeros(len(names)), offsets)


def _recover(block: int, keys: int, records: list[Record]) -> float:
    """Seconds to fill an empty arena, in runs as the transport delivers them."""
    windows = Windows(ROWS, COLUMNS, keys, EPOCH, block)
    begun = perf_counter()
    for start in range(0, len(records), 2048):
        run = records[start : start + 2048]
        windows.restore([key for key, _ in run], [value for _, value in run])
    return perf_counter() - begun
