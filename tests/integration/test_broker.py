"""The throw-away broker: it answers, takes records, and leaves nothing behind however its owner ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.errors import BrokerError
from stream.sandbox.broker import Broker, answers

pytestmark = pytest.mark.kafka

OWNER = """
import sys, time
from stream.sandbox.broker import Broker
with Broker.start() as broker:
    print(broker.bootstrap, flush=True)
    if sys.argv[1] == "raise":
        raise ValueError("on purpose")
    if sys.argv[1] == "wait":
        time.sleep(60)
"""


def start_owner(how: str, temporary: Path) -> tuple[subprocess.Popen[str], str]:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", OWNER, how]
    owner = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert owner.stdout is not None
    return owner, owner.stdout.readline().strip()


def is_gone(bootstrap: str, temporary: Path) -> bool:
    return not any(temporary.iterdir()) and not answers(bootstrap)


@pytest.mark.parametrize(
    ("how", "sent"),
    [
        ("return", None),
        ("raise", None),
        ("wait", signal.SIGINT),
        ("wait", signal.SIGTERM),
        ("wait", signal.SIGKILL),
    ],
)
def test_nothing_is_left_however_the_owner_ends(
    how: str, sent: signal.Signals | None, tmp_path: Path
) -> None:
    owner, bootstrap = start_owner(how, tmp_path)
    try:
        if sent is not None:
            assert answers(bootstrap)
            owner.send_signal(sent)
        owner.communicate(timeout=10)
    finally:
        owner.kill()
    deadline = time.monotonic() + 5
    while not is_gone(bootstrap, tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_gone(bootstrap, tmp_path)


def test_a_record_comes_back(kafka: str, topic: Callable[..., str]) -> None:
    from kafka import KafkaConsumer, KafkaProducer

    name = topic("echo")
    with KafkaProducer(bootstrap_servers=kafka) as producer:
        producer.send(name, key=b"k", value=b"v").get(10)
    with KafkaConsumer(
        name, bootstrap_servers=kafka, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    ) as consumer:
        record = next(consumer)
    assert (record.key, record.value) == (b"k", b"v")


def test_a_taken_port_is_named(kafka: str) -> None:
    port = int(kafka.rpartition(":")[2])
    with pytest.raises(BrokerError, match=f"{port}.*choose another"):
        Broker.start(port=port)


def test_a_broker_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BrokerError, match=r"(?s)ended while starting.*num\.io\.threads"):
        Broker.start(extra={"num.io.threads": "-1"})
    assert not any(tmp_path.iterdir())
