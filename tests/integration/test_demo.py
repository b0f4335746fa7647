"""`onsight demo` as a newcomer runs it, on a small stream: its summary, and that it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from kafka import KafkaAdminClient

pytestmark = pytest.mark.kafka

COMMAND = [sys.executable, "-c", "from stream.cli import main; main()", "demo"]
SMALL = ["--cards", "80", "--days", "60", "--fast"]
SECONDS = 100


def environment(kafka: str, folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "ONSIGHT_KAFKA": kafka, "TMPDIR": str(folder), **more}


def left_behind(kafka: str, folder: Path) -> list[str]:
    """Topics and files of a demo that are still there."""
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        topics = [name for name in admin.list_topics() if name.startswith("onsight-demo-")]
    return topics + [path.name for path in folder.iterdir()]


def test_the_summary_as_json(kafka: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *SMALL, "--json"], env=environment(kafka, tmp_path), capture_output=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr.decode()
    summary = orjson.loads(done.stdout)
    review = summary["review"]
    assert summary["events"] > 1000
    assert review["differing"] == 0
    assert [kind["kind"] for kind in review["kinds"]] == list(review["methods"][0]["by_kind"])
    first, second, *others = (method["method"] for method in review["methods"])
    assert (first, len(others)) == ("onsight", 3)
    assert second in ("onsight, learned model", "onsight, nearest neighbours")
    assert all(method["alerts"] > 0 for method in review["methods"])
    assert left_behind(kafka, tmp_path) == []


def test_plain_lines_where_there_is_no_terminal(kafka: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *SMALL], env=environment(kafka, tmp_path), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout)
    for part in ("events/s", "Planted frauds", "card testing", "onsight check"):
        assert part in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_stays(kafka: str, tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "--cards", "200", "--days", "90"],
        env=environment(kafka, tmp_path, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("events "):
                break
        demo.send_signal(number)
        assert demo.wait(SECONDS) != 0
    assert left_behind(kafka, tmp_path) == []


def test_a_worker_that_fails_is_an_error_with_its_log(kafka: str, tmp_path: Path) -> None:
    empty = tmp_path / "artifact"
    empty.mkdir()
    done = subprocess.run(
        [*COMMAND, *SMALL],
        env=environment(kafka, tmp_path, ONSIGHT_ARTIFACT=str(empty)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "the worker ended by itself" in done.stderr
    assert "manifest.json" in done.stderr
    empty.rmdir()
    assert left_behind(kafka, tmp_path) == []
