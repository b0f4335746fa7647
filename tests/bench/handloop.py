"""The yardstick: the same scores by a hand-written loop without fault tolerance.

A client, orjson, numpy windows, ONNX in batches of 512, alerts out; no offsets kept, no changelog, no bad records.
"""

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from stream.artifact import load_artifact
from stream.columns import Codes
from stream.events import EventBatch
from stream.features import Features
from stream.memory import keep_freed_memory
from stream.peers import PeerSample
from stream.profile import Profile, load
from stream.scorer import Scorer
from stream.windows import Windows
from tests.bench.load import producer

BATCH = 512
MAX_KEYS = 100_000


class Loop:
    """State of one process over all partitions; an event's position in the loop stands for its offset."""

    def __init__(self, profile: Profile, scorer: Scorer) -> None:
        self.scorer = scorer
        self.windows = Windows(profile.window, profile.columns, MAX_KEYS, BATCH)
        self.features = Features(profile, MAX_KEYS, BATCH)
        self.peers = PeerSample(profile.peers, profile.columns)
        self.codes = Codes()
        self.done = 0

    def on_batch(self, values: list[bytes]) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The events of B values, and their scores: float32 [B]."""
        events = [orjson.loads(value) for value in values]
        batch = self._columns(events)
        self.peers.close_epoch()
        at = self.windows.place(batch.entity, batch.offset)
        rows = self.features.on_batch(batch, self.windows.elapsed(at, batch.time))
        score = self.scorer.score(rows, self.windows.gather(at, rows), self.peers.peers)
        self.windows.append(at, rows, batch.time, batch.offset)
        self.peers.on_batch(rows, batch.offset)
        return events, score

    def _columns(self, events: list[dict[str, Any]]) -> EventBatch:
        offset = np.arange(self.done, self.done + len(events))
        self.done += len(events)
        numbers = {name: np.array([event[name] for event in events]) for name in ("amount", "lat", "lon")}
        country = np.array([self.codes[event["country"]] for event in events], np.float32)
        entity = [event["card"] for event in events]
        time = np.array([event["ts"] for event in events]) / 1e3
        return EventBatch(offset, entity, time, numbers, {"country": country}, {})


@click.command()
@click.option("--kafka", required=True)
@click.option("--topic", required=True)
@click.option("--alerts", required=True)
@click.option("--artifact", required=True, type=click.Path(path_type=Path))
@click.option("--events", required=True, type=int)
@click.option("--threshold", required=True, type=float)
def main(kafka: str, topic: str, alerts: str, artifact: Path, events: int, threshold: float) -> None:
    """Score `events` events; prints rate, CPU time and alerts from the second batch on."""
    keep_freed_memory()
    profile = load("card")
    scorer = Scorer(load_artifact(artifact), profile.category, profile.direction, batch=BATCH)
    scorer.warm_up(profile.window, profile.peers)
    loop, sink, sent = Loop(profile, scorer), producer(kafka, linger_ms=5), 0
    source = Consumer({"bootstrap.servers": kafka, "group.id": "unused", "enable.auto.commit": False})
    numbers = source.list_topics(topic).topics[topic].partitions
    source.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    loop.on_batch([message.value() for message in source.consume(BATCH, timeout=30)])
    first, wall, cpu = loop.done, time.perf_counter(), time.process_time()
    while loop.done < events:
        messages = source.consume(BATCH, timeout=0.1)
        if not messages:
            continue
        found, score = loop.on_batch([message.value() for message in messages])
        for index in np.flatnonzero(score > threshold).tolist():
            event = found[index]
            sink.produce(alerts, orjson.dumps(event | {"score": float(score[index])}), event["card"])
            sent += 1
        sink.poll(0)
    sink.flush()
    wall, cpu, counted = time.perf_counter() - wall, time.process_time() - cpu, loop.done - first
    source.close()
    result = {"events_per_s": counted / wall, "cpu_us": cpu / counted * 1e6, "alerts": sent}
    click.echo(orjson.dumps(result).decode())


if __name__ == "__main__":
    main()
