"""What an entity costs in memory: the growth of a process that fills the state of one partition."""

import resource
from pathlib import Path

import click
import numpy as np

from stream.alerts import Source
from stream.artifact import BASELINE, load_artifact, shipped
from stream.detector import Detector
from stream.events import Decoder
from stream.profile import load
from stream.scorer import Scorer
from tests.bench.report import finish, say
from tests.bench.workload import card_events

PAGE = resource.getpagesize()
RUN = 512


@click.command()
@click.option("--keys", default=50_000, help="Entities of one partition.")
@click.option("--rounds", default=4, help="Events of each entity.")
def command(keys: int, rounds: int) -> None:
    """Memory of an entity: bytes of resident memory that a partition's state takes."""
    profile = load("card")
    scorer = Scorer.for_profile(load_artifact(shipped(BASELINE)), profile)
    decoder = Decoder(profile)
    events = [value for _, value in card_events(keys, keys)]
    empty = _resident()
    detector = Detector(profile, scorer, Source("events", 0), max_keys=keys)
    at = 0
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        for start in range(0, keys, RUN):
            values = events[start : start + RUN]
            batch, rejects = decoder.decode(None, values, np.arange(at, at + len(values)))
            assert not rejects
            at += len(values)
            detector.on_batch(batch, at - 1)
            detector.changes()
    grown = _resident() - empty
    finish(
        {
            "keys": len(detector.windows),
            "empty_mib": round(empty / 2**20, 1),
            "bytes_per_key": round(grown / keys),
            "window_bytes": profile.window * profile.columns * 4,
        }
    )


def _resident() -> int:
    """Bytes of this process in memory, as Linux has it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
