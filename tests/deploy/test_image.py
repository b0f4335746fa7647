"""The image: built by buildah from the Dockerfile, without a Docker engine, and its worker run on a real broker.

Needs root, and `apt-get install --no-install-recommends buildah debootstrap`. The base is a Debian of our own.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from tools import CACHE, HERE, ROOT, run

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration")]  # the streams and workers of other tests

from card_stream import PROFILE, events, profile, scorer  # noqa: E402
from deployment import PARTITIONS, Deployment, ends, produce, read, wait_for  # noqa: E402
from kafka import KafkaAdminClient  # noqa: E402
from test_dashboard import free_port  # noqa: E402

from stream.events import decode  # noqa: E402
from stream.replay import Replay  # noqa: E402
from stream.sandbox.cards import simulate  # noqa: E402

SUITE = "bookworm"
BASE, IMAGE = "localhost/onsight-base:test", "localhost/onsight:test"
EXPORTER = "localhost/onsight-exporter:test"
INCLUDE = "python3,python3-venv,ca-certificates"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
COUNT = 3000


def buildah(*words: object) -> str:
    store = ["--root", CACHE / "storage", "--runroot", CACHE / "storage-run", "--storage-driver", "overlay"]
    assert shutil.which("buildah"), "these tests need buildah and debootstrap: see the head of the file"
    return run(["buildah", *store, *words]).strip()


@pytest.fixture(scope="module")
def base() -> str:
    """A base image of Debian's packages; pip trusts in it whom this machine trusts."""
    folder = CACHE / f"debian-{SUITE}"
    if not folder.exists():
        building = folder.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        run(["debootstrap", "--variant=minbase", f"--include={INCLUDE}", SUITE, building])
        building.rename(folder)
    if BASE not in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, folder, "/")
        buildah("add", "--quiet", container, AUTHORITIES, AUTHORITIES)
        buildah("config", "--env", f"PIP_CERT={AUTHORITIES}", container)
        buildah("commit", "--quiet", "--rm", container, BASE)
    return BASE


@pytest.fixture(scope="module")
def image(base: str) -> str:
    words = (
        "--isolation",
        "chroot",
        "--layers",
        "--format",
        "docker",
        "--pull-never",
        "--build-arg",
        f"BASE={base}",
    )
    buildah("bud", *words, "--tag", IMAGE, ROOT)
    return IMAGE


@pytest.fixture
def container(image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


def inside(container: str, command: str) -> list[str]:
    return buildah("run", "--isolation", "chroot", container, "--", "sh", "-c", command).splitlines()


def test_the_image_says_how_it_is_run(image: str) -> None:
    config: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] + config["Cmd"] == ["onsight", "worker"]
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert {"ORT_DISABLE_TELEMETRY=1", "ONSIGHT_HEALTH_HOST=0.0.0.0", "ONSIGHT_HEALTH_PORT=8080"} <= set(
        config["Env"]
    )


def test_nothing_to_build_with_is_left_and_nothing_can_be_written_but_temporary_files(container: str) -> None:
    tools = "for tool in cc gcc g++ make pip pip3 onsight; do command -v $tool; done; true"
    assert inside(container, tools) == ["/opt/onsight/bin/onsight"]
    writable = (
        "find / -xdev -type d -writable -not -path '/proc/*' -not -path '/dev/*' -prune 2>/dev/null; true"
    )
    assert set(inside(container, writable)) <= {"/tmp", "/var/tmp", "/run/lock", "/dev", "/proc"}
    assert not inside(container, "find /opt/onsight -name jaxlib -o -name sklearn -o -name matplotlib")


def test_the_venv_is_small(container: str) -> None:
    (size,) = inside(container, "du -sm /opt/onsight | cut -f1")
    assert int(size) < 300, f"{size} MB"


@pytest.fixture(scope="module")
def exporter(base: str) -> Iterator[str]:
    words = (
        "--isolation",
        "chroot",
        "--layers",
        "--format",
        "docker",
        "--pull-never",
        "--target",
        "exporter",
    )
    buildah("bud", *words, "--build-arg", f"BASE={base}", "--tag", EXPORTER, ROOT)
    name = buildah("from", "--pull-never", EXPORTER)
    yield name
    buildah("rm", name)


def test_the_exporters_image_signs_a_model_that_holds_the_contract(exporter: str) -> None:
    inside(exporter, "onsight-export keys --out /tmp/keys")
    inside(exporter, "onsight-export knn --key /tmp/keys/private.pem --out /tmp/knn")
    (told,) = inside(exporter, "onsight-export verify --key /tmp/keys/public.pem --json /tmp/knn")
    assert json.loads(told)["passed"]


def test_the_exporters_image_collects_experience(kafka: str, exporter: str) -> None:
    wanted = {"num_partitions": 1, "replication_factor": 1}
    topics = {f"{name}_TOPIC": f"image-{name.lower()}" for name in ("INPUT", "ALERTS", "VERDICTS")}
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        admin.create_topics(dict.fromkeys(topics.values(), wanted), wait_for_metadata=True)
        produce(kafka, topics["INPUT_TOPIC"], simulate(20, 60, 5, seed=1).records())
        said = " ".join(f"ONSIGHT_{name}={value}" for name, value in {"KAFKA": kafka, **topics}.items())
        for fresh in (True, False):
            (told,) = inside(exporter, f"{said} onsight-export collect --store /tmp/store --json")
            assert (json.loads(told)["events"] > 100) == fresh
            assert json.loads(told)["stored_rows"] > 100
        admin.delete_topics(list(topics.values()))


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
    store = [
        "--root",
        str(CACHE / "storage"),
        "--runroot",
        str(CACHE / "storage-run"),
        "--storage-driver",
        "overlay",
    ]
    command = [
        "buildah",
        *store,
        "run",
        "--isolation",
        "chroot",
        "--volume",
        f"{described}:/etc/often.yaml:ro",
    ]
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
