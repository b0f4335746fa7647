"""The image's worker on a real broker: its alerts are a replay's, and it ends as it is asked to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
from images import ISOLATION, STORE, base, container, image
from kafka import KafkaAdminClient
from tools import HERE

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration")]  # the streams and workers of other tests

from card_stream import PROFILE, events, profile, scorer  # noqa: E402
from deployment import PARTITIONS, Deployment, ends, produce, read, wait_for  # noqa: E402
from test_dashboard import free_port  # noqa: E402

from stream.events import decode  # noqa: E402
from stream.replay import Replay  # noqa: E402

__all__ = ["base", "container", "image"]  # fixtures

COUNT = 3000


def descendants(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == parent:
            yield int(path.parent.name)
            yield from descendants(int(path.parent.name))


def is_worker(number: int) -> bool:
    """Whether it is the worker itself, and not one of buildah's processes, which have its words as theirs."""
    interpreter, _, words = Path(f"/proc/{number}/cmdline").read_bytes().partition(b"\0")
    return b"python" in interpreter and words.endswith(b"/onsight\0worker\0")


@contextmanager
def running(
    container: str, deployment: Deployment, described: Path, log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The container's worker, by the entry point and user of the image: buildah's process, and the worker's id."""
    environment = {
        **deployment.environment,
        "ONSIGHT_PROFILE": "/etc/often.yaml",
        "ONSIGHT_INSTANCE_ID": "pod-0",
    }
    words = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    command = ["buildah", *STORE, "run", *ISOLATION, "--volume", f"{described}:/etc/often.yaml:ro"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *words, container, "--", "onsight", "worker"], stdout=file, stderr=file
        )
    try:
        found = wait_for(
            lambda: [one for one in descendants(process.pid) if is_worker(one)], "the worker to start"
        )
        yield process, found[-1]
    finally:
        for number in [*descendants(process.pid), process.pid]:
            if process.poll() is None:
                os.kill(number, signal.SIGKILL)
        process.wait(20)


def test_the_images_worker_scores_as_a_replay_does(kafka: str, container: str, tmp_path: Path) -> None:
    """The event path: alerts are a replay's, to the byte; it runs as its user, drains on SIGTERM, and ends with 0."""
    described, log, topic, port = tmp_path / "often.yaml", tmp_path / "log", "image-events", free_port()
    tmp_path.chmod(0o755)
    described.write_text(PROFILE)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        admin.create_topics(
            {topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True
        )
        produce(kafka, topic, events(COUNT))
        deployment = Deployment(kafka, described, topic, admin, health_port=port)
        with running(container, deployment, described, log) as (process, worker):
            wait_for(lambda: done(process, deployment, kafka, log), "all events to be scored")
            status = dict(
                line.split(":\t", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines()
            )
            assert status["Uid"].split() == ["10001"] * 4
            os.kill(worker, signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()
        alerts = {}
        for record in read(kafka, deployment.alerts):
            source = orjson.loads(record.value)["source"]
            alerts[source["partition"], source["offset"]] = record.key, record.value
        deployment.close()
        admin.delete_topics([topic])
    assert len(alerts) > 100
    assert alerts == expected(topic)
    assert all(json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))


def done(process: subprocess.Popen[bytes], deployment: Deployment, kafka: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    time.sleep(0.2)
    return deployment.committed() == ends(kafka, deployment.source)


def expected(topic: str) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    """Key and body of every alert that a replay finds, by its partition and offset."""
    batch, _ = decode(profile(), None, [value for _, value in events(COUNT)], np.arange(COUNT))
    scored = Replay(profile(), scorer(), topic=topic, partitions=PARTITIONS).on_batch(batch)
    return {(alert.source.partition, alert.offset): (alert.key, alert.body()) for _, alert in scored.alerts}
