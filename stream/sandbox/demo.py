"""The demo: a broker, a worker, a stream of card transactions with planted frauds, and what came of it.

Everything that it starts or makes is ended and removed, however it ends.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stream.job.player import Event, Pace
from stream.sandbox.cards import Stream, simulate
from stream.sandbox.player_thread import Player
from stream.sandbox.review import review
from stream.sandbox.stage import changed, stage
from stream.sandbox.summary import Summary
from stream.sandbox.watch import Progress, Watch, watching
from stream.sandbox.worker import Worker

TERMINALS = 400
FRAUD_RATE = 0.01  # incidents of each kind, per card and 30 days
RATE = 5000.0  # events a second
PATIENCE = 30.0  # seconds without progress after which the demo gives up


@dataclass(frozen=True, slots=True)
class Options:
    """What to play; fast: as fast as the broker takes it, instead of a pace to watch."""

    seed: int
    cards: int
    days: float
    fast: bool


class View(Protocol):
    """Where the show goes."""

    def say(self, text: str) -> None: ...
    def show(self, progress: Progress) -> None: ...


def run(options: Options, view: View) -> Summary:
    """Play a stream before a worker, then look back on it.

    Raises BrokerError if the worker fails or not every event is scored.
    """
    stream = simulate(options.cards, TERMINALS, options.days, options.seed, fraud_rate=FRAUD_RATE)
    records = tuple(stream.records())
    with stage(view.say) as settings:
        view.say(f"playing {len(stream):,} card transactions of {options.days:g} days before one worker")
        player = Player(settings, _events(stream, records), Pace() if options.fast else Pace(RATE))
        with Worker(changed(settings)) as worker, watching(settings, len(stream)) as watch:
            _await(watch, worker)
            start = time.monotonic()
            with player:
                progress = _follow(watch, worker, player, view)
            seconds = time.monotonic() - start
            worker.stop()
    view.say("looking back: the same events through the detector in this process, and through its rivals")
    found = review(settings, stream, records, progress.alerts, options.seed)
    latency = progress.latency_ms()
    return Summary(options.seed, options.cards, options.days, len(stream), seconds, latency, found)


def _events(stream: Stream, records: Sequence[tuple[bytes, bytes]]) -> Iterator[Event]:
    for moment, (key, value) in zip((stream.time_ms / 1000).tolist(), records, strict=True):
        yield Event(moment, key, value)


def _await(watch: Watch, worker: Worker) -> None:
    """Wait until the worker has its partitions: what it does from then on is what it does on other days."""
    deadline = time.monotonic() + PATIENCE
    while not watch.joined:
        worker.check()
        if time.monotonic() > deadline:
            raise worker.failure(f"the worker did not join its group within {PATIENCE:.0f} s")
        time.sleep(0.1)


def _follow(watch: Watch, worker: Worker, player: Player, view: View) -> Progress:
    """Show how it goes until every event is scored."""
    moved, so_far = time.monotonic(), (0, 0)
    while not watch.complete:
        worker.check()
        player.check()
        progress = watch.look()
        view.show(progress)
        now = time.monotonic()
        if so_far != (progress.produced, progress.scored):
            so_far, moved = (progress.produced, progress.scored), now
        elif now - moved > PATIENCE:
            scored = f"{progress.scored:,} of {progress.total:,} events were scored"
            raise worker.failure(f"{scored}, and none more for {PATIENCE:.0f} s")
    return watch.progress
