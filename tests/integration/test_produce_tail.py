"""`onsight produce` and `onsight tail` against a real broker."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from stream.cli.produce import command as produce
from stream.cli.tail import command as tail
from stream.sandbox.cards import simulate

pytestmark = pytest.mark.kafka

ALERT = {
    "id": "0" * 32,
    "time": "2025-01-14T13:22:05.123Z",
    "entity": "c000042",
    "score": 0.98765,
    "p_value": 0.000123,
    "severity": "critical",
    "reasons": [{"text": "amount 1,250.00 EUR is 9.1 times this card's median of 137.00"}],
    "related": {"count": 3, "first_seen": "2025-01-14T13:00:00.000Z"},
}


@pytest.fixture
def run(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("ONSIGHT_KAFKA", kafka)

    def invoke(command: Any, *arguments: object) -> Result:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)

    return invoke


def read_all(kafka: str, name: str, count: int) -> list[Any]:
    from kafka import KafkaConsumer

    with KafkaConsumer(
        name, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=5000
    ) as consumer:
        records = [next(consumer) for _ in range(count)]
    return sorted(records, key=lambda record: (record.partition, record.offset))


@pytest.fixture
def shuffled(tmp_path: Path) -> tuple[Path, list[tuple[bytes, bytes]]]:
    """A gzipped file out of order with two bad lines, and its good records in order."""
    records = list(simulate(100, 60, 3, seed=3).records())
    lines = [value for _, value in records]
    random.Random(1).shuffle(lines)
    lines[5:5] = [b"{nonsense", b'{"ts": 1735516800000}']
    path = tmp_path / "cards.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path, records


def test_produce_keeps_time_order_in_the_partition_of_the_key(
    kafka: str,
    topic: Callable[..., str],
    run: Callable[..., Result],
    shuffled: tuple[Path, list[tuple[bytes, bytes]]],
) -> None:
    from kafka.partitioner import murmur2

    path, records = shuffled
    name = topic("events", partitions=3)
    result = run(produce, "--profile", "card", "--input", path, "--topic", name, "--json")
    left_out = {"not-json": 1, "missing-entity": 1}
    assert orjson.loads(result.stdout) == {"topic": name, "played": len(records), "left_out": left_out}
    seen = read_all(kafka, name, len(records))
    partitions = [(murmur2(key) & 0x7FFFFFFF) % 3 for key, _ in records]
    for partition in range(3):
        expected = [record for record, where in zip(records, partitions, strict=True) if where == partition]
        assert [(record.key, record.value) for record in seen if record.partition == partition] == expected


def test_produce_holds_the_rate(
    kafka: str,
    topic: Callable[..., str],
    run: Callable[..., Result],
    shuffled: tuple[Path, list[tuple[bytes, bytes]]],
) -> None:
    path, records = shuffled
    name = topic("events")
    rate = len(records)  # so that all takes a second
    result = run(produce, "--profile", "card", "--input", path, "--topic", name, "--rate", rate)
    assert f"{len(records):,} events are in {name}" in result.stdout
    sent = [record.timestamp for record in read_all(kafka, name, len(records))]
    assert sent[-1] - sent[0] > 900
    assert sent[len(sent) // 2] - sent[0] > 400  # no burst at the start


def test_produce_refuses_two_paces_and_a_topic_that_is_not_there(
    run: Callable[..., Result], shuffled: tuple[Path, list[tuple[bytes, bytes]]]
) -> None:
    from stream.errors import BrokerError

    path, _ = shuffled
    both = run(produce, "--profile", "card", "--input", path, "--rate", 1, "--speed", 1)
    assert both.exit_code == 2
    assert "exclude each other" in both.output
    with pytest.raises(BrokerError, match=r"nowhere.*not found"):
        run(produce, "--profile", "card", "--input", path, "--topic", "nowhere")


def test_tail_prints_alerts_for_people_and_for_machines(
    kafka: str, topic: Callable[..., str], run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kafka import KafkaProducer

    name = topic("alerts")
    monkeypatch.setenv("ONSIGHT_ALERTS_TOPIC", name)
    bodies = [orjson.dumps(ALERT), orjson.dumps({**ALERT, "entity": "c\x1b[2J"}), b"no alert"]
    with KafkaProducer(bootstrap_servers=kafka) as producer:
        for body in bodies:
            producer.send(name, body).get(10)
    assert run(tail, "--from-beginning", "--count", 3, "--json").stdout_bytes == b"".join(
        body + b"\n" for body in bodies
    )
    shown = run(tail, "--from-beginning", "--count", 3).stdout
    assert "2025-01-14 13:22:05  CRITICAL  c000042  score 0.988  p 0.00012\n" in shown
    assert "    amount 1,250.00 EUR is 9.1 times this card's median of 137.00\n" in shown
    assert "    and 3 more like it since 2025-01-14 13:00:00\n" in shown
    assert "\x1b" not in shown
    assert "not an alert" in shown


def test_tail_starts_at_the_next_alert(
    kafka: str, topic: Callable[..., str], run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from kafka import KafkaProducer

    name = topic("alerts")
    monkeypatch.setenv("ONSIGHT_ALERTS_TOPIC", name)
    done = threading.Event()
    with KafkaProducer(bootstrap_servers=kafka) as producer:
        producer.send(name, b"old").get(10)

        def keep_sending() -> None:
            while not done.wait(0.2):
                producer.send(name, b"new").get(10)

        sender = threading.Thread(target=keep_sending)
        sender.start()
        try:
            assert run(tail, "--count", 1, "--json").stdout == "new\n"
        finally:
            done.set()
            sender.join()
