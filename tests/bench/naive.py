"""What most would write first: a plain Faust agent, one event at a time, its window in a Table.

The same columns, window and model as onsight's. The Table's value is bytes, so that nothing is pickled; its changelog
is on.
"""

import math
import shutil
import signal
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import faust
import numpy as np
import onnxruntime
import orjson

from stream.artifact import Artifact, load_artifact
from stream.columns import category_code
from stream.profile import Profile, load

RATE_SECONDS = 600.0
DAY = 86_400.0
WARM = 1000  # events before the clock starts
ROW = struct.Struct("<d8f")  # time in seconds, then the eight columns of profile `card`
ROWS = np.dtype([("time", "<f8"), ("row", "<f4", (8,))])


class OneByOne:
    """Scores one event at a time against the window that it is given, and gives it back with the event in it.

    The runtime is called directly: our Scorer would fill the single event up to a whole tile.
    """

    def __init__(self, profile: Profile, artifact: Artifact) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(artifact.model, options)
        self._score_only = onnxruntime.RunOptions()
        self._score_only.only_execute_path_to_fetches = True
        rows, peers, columns = profile.window, profile.peers, profile.columns
        self._inputs = {
            "window": np.zeros((1, rows, columns), np.float32),
            "window_mask": np.zeros((1, rows), np.float32),
            "window_label": np.zeros((1, rows), np.float32),
            "peers": np.zeros((peers, columns), np.float32),
            "peers_mask": np.zeros(peers, np.float32),
            "peers_label": np.zeros(peers, np.float32),
            "category": profile.category,
            "direction": profile.direction,
        }
        self._rows, self._peers, self._seen = rows, peers, 0

    def on_event(self, event: dict[str, Any], window: bytes) -> tuple[float, bytes]:
        """The event's score, and its card's window (packed ROWs, oldest first) with it."""
        before = np.frombuffer(window, ROWS)
        packed = _row(event, before["time"])
        query = np.frombuffer(packed, ROWS)["row"]
        rows, mask = self._inputs["window"], self._inputs["window_mask"]
        rows[0], mask[0] = 0.0, 0.0
        if len(before):
            rows[0, -len(before) :], mask[0, -len(before) :] = before["row"], 1.0
        score = self._session.run(["score"], self._inputs | {"query": query}, self._score_only)[0]
        self._remember(query[0])
        return float(score[0]), (window + packed)[-self._rows * ROW.size :]

    def _remember(self, row: np.ndarray) -> None:
        """The last rows of all cards are the peers."""
        slot = self._seen % self._peers
        self._inputs["peers"][slot], self._inputs["peers_mask"][slot] = row, 1.0
        self._seen += 1


def _row(event: dict[str, Any], times: np.ndarray) -> bytes:
    now = event["ts"] / 1e3
    angle = now % DAY * (2 * math.pi / DAY)
    return ROW.pack(
        now,
        math.log1p(event["amount"]),
        math.sin(angle),
        math.cos(angle),
        math.log1p(max(now - times[-1], 0.0)) if len(times) else math.nan,
        event["lat"],
        event["lon"],
        category_code(event["country"]),
        math.log1p(1 + np.count_nonzero(times > now - RATE_SECONDS)),
    )


def _app(kafka: str, group: str, data: str) -> faust.App:
    return faust.App(
        group,
        broker=f"kafka://{kafka}",
        datadir=data,
        consumer_auto_offset_reset="earliest",
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        topic_partitions=4,
        topic_disable_leader=True,
        web_enabled=False,
    )


def _build(
    app: faust.App, topic: str, alerts: str, scorer: OneByOne, threshold: float, count: Callable[[], None]
) -> None:
    windows = app.Table("windows", partitions=4, key_type=bytes, value_type=bytes)
    source, sink = app.topic(topic), app.topic(alerts)

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def detect(stream: Any) -> None:
        async for key, value in stream.items():
            event = orjson.loads(value)
            score, windows[key] = scorer.on_event(event, windows.get(key, b""))
            if score > threshold:
                await sink.send(key=key, value=orjson.dumps(event | {"score": score}))
            count()


class Clock:
    """Counts events from the first after WARM on, and prints the result at the last."""

    def __init__(self, events: int, stop: Callable[[], None]) -> None:
        self._events, self._stop, self._done = events, stop, 0
        self._wall = self._cpu = 0.0

    def count(self) -> None:
        self._done += 1
        if self._done == WARM:
            self._wall, self._cpu = time.perf_counter(), time.process_time()
        elif self._done == self._events:
            counted = self._events - WARM
            wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
            result = {"events_per_s": counted / wall, "cpu_us": cpu / counted * 1e6}
            click.echo(orjson.dumps(result).decode())
            self._stop()


@click.command()
@click.option("--kafka", required=True)
@click.option("--group", required=True)
@click.option("--topic", required=True)
@click.option("--alerts", required=True)
@click.option("--artifact", required=True, type=click.Path(path_type=Path))
@click.option("--events", required=True, type=int)
@click.option("--threshold", required=True, type=float)
def main(
    kafka: str, group: str, topic: str, alerts: str, artifact: Path, events: int, threshold: float
) -> None:
    """Score `events` events; prints rate and CPU time."""
    profile = load("card")
    data = tempfile.mkdtemp(prefix="onsight-naive-")
    app = _app(kafka, group, data)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    clock = Clock(events, lambda: signal.raise_signal(signal.SIGTERM))
    _build(app, topic, alerts, OneByOne(profile, load_artifact(artifact)), threshold, clock.count)
    try:
        worker.execute_from_commandline()
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
