"""Producing to a topic, keys placed as Java's clients place them: as fast as it goes, or at a steady rate."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import click
from confluent_kafka import Producer

from tests.bench.report import bar
from tests.bench.workload import card_events

TICK = 0.001  # seconds between two looks at the clock
QUEUE = 1_000_000
LARGEST = 4 << 20  # bytes a request


def producer(bootstrap: str, linger_ms: float) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": QUEUE,
            "queue.buffering.max.kbytes": 1 << 20,
            "message.max.bytes": LARGEST,
            "acks": "all",
            "log_level": 2,
        }
    )


def fill(
    bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], total: int, text: str
) -> None:
    """Produce all records as fast as it goes; returns when the broker has them."""
    sink = producer(bootstrap, linger_ms=20)
    with bar(text, total) as progress:
        for done, (key, value) in enumerate(records, 1):
            _send(sink, topic, key, value)
            if done % 1000 == 0:
                sink.poll(0)
                progress.at(done)
        sink.flush()
        progress.at(total)


def _send(sink: Producer, topic: str, key: bytes | None, value: bytes | None) -> None:
    while True:
        try:
            sink.produce(topic, value, key)
            return
        except BufferError:
            sink.poll(0.1)


def paced(sink: Producer, topic: str, records: list[tuple[bytes, bytes]], rate: float) -> float:
    """Produce at `rate` events a second, to the end or SIGINT; returns the rate reached."""
    started = time.perf_counter()
    done = 0
    with contextlib.suppress(KeyboardInterrupt):
        while done < len(records):
            due = min(int((time.perf_counter() - started) * rate) + 1, len(records))
            for key, value in records[done:due]:
                sink.produce(topic, value, key)
            done = due
            sink.poll(0)
            time.sleep(TICK)
    return done / (time.perf_counter() - started)


class Load:
    """A steady stream from a process of its own, so that it keeps its pace whatever the bench does."""

    def __init__(
        self, bootstrap: str, topic: str, rate: float, events: int, keys: int, *, first: int
    ) -> None:
        options = {
            "kafka": bootstrap,
            "topic": topic,
            "rate": rate,
            "events": events,
            "keys": keys,
            "first": first,
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """Begin, once all events are made."""
        assert self._process.stdin and self._process.stdout
        self._process.stdout.readline()
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def wait(self) -> float:
        """The rate reached, when all is produced."""
        assert self._process.stdout
        return float(self._process.stdout.readline())

    def stop(self) -> float:
        """Produce no more; the rate reached, when the broker has what was produced."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()


@click.command()
@click.option("--kafka", required=True)
@click.option("--topic", required=True)
@click.option("--rate", type=float, required=True)
@click.option("--events", type=int, required=True)
@click.option("--keys", type=int, required=True)
@click.option("--first", type=int, required=True)
def main(kafka: str, topic: str, rate: float, events: int, keys: int, first: int) -> None:
    """What `Load` runs: makes the events, waits for a line, produces, prints the rate reached."""
    records = list(card_events(events, keys, first=first))
    sink = producer(kafka, linger_ms=1)
    click.echo("ready")
    sys.stdin.readline()
    reached = paced(sink, topic, records, rate)
    sink.flush()
    click.echo(reached)


if __name__ == "__main__":
    main()
