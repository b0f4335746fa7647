"""What a running worker says of itself, and how its process ends, on a real broker."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from deployment import ONSIGHT, PATIENCE, Deployment, read, wait_for
from kafka import KafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families
from test_worker import BAD, COUNT, admin, deploy, feed, filled, sources

from stream.job.status import CRASHED, DRAINED, MISCONFIGURED, REPLACED, STALLED, UNAVAILABLE

__all__ = ["admin", "deploy", "feed", "filled", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

Deploy = Callable[..., Deployment]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metrics(port: int) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    status, text = get(port, "/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: dict[tuple[str, ...], float], name: str) -> float:
    return sum(value for key, value in samples.items() if key[0] == name)


def test_metrics_are_what_was_written(kafka: str, filled: str, deploy: Deploy) -> None:
    port = free_port()
    deployment = deploy(filled, health_port=port)
    worker = deployment.start()
    deployment.settle()
    wait_for(lambda: get(port, "/readyz")[0] == 200, "readiness")
    assert get(port, "/livez") == (200, '{"ok":true,"reasons":[]}')
    looked = ("onsight_assigned_partitions", 4.0), ("onsight_lag_events", 0.0)
    samples = wait_for(
        lambda: (
            (found := metrics(port)) and all(total(found, name) == value for name, value in looked) and found
        ),
        "a look at the partitions",
    )
    alerts = [orjson.loads(record.value) for record in read(kafka, deployment.alerts)]
    assert total(samples, "onsight_events_total") == COUNT + len(BAD)
    assert samples["onsight_bad_events_total", "not-json"] == 1
    assert total(samples, "onsight_dead_letters_total") == len(BAD)
    for severity in ("medium", "high", "critical"):
        sent = sum(alert["severity"] == severity for alert in alerts)
        assert samples["onsight_alerts_total", severity] == sent
    assert total(samples, "onsight_alert_latency_seconds_count") == len(alerts)
    for stage in ("decode", "features", "gather", "score", "policy", "alerts", "append", "changes", "flush"):
        assert samples["onsight_stage_seconds_count", stage] > 0
    assert total(samples, "onsight_batch_events_sum") == COUNT + len(BAD)
    assert total(samples, "onsight_keys") == 20
    assert total(samples, "onsight_lag_seconds") == 0
    assert samples["onsight_ready",] == samples["onsight_recovery_ratio",] == 1
    assert samples["onsight_changelog_bytes_total",] > 10_000
    assert 0 <= samples["onsight_loop_lag_seconds",] < 10
    assert any(key[0] == "onsight_model_info" and key[1] == alerts[0]["model"]["digest"] for key in samples)
    assert {get(port, path)[0] for path in ("/", "/table", "/router", "/stats", "/metrics/x")} == {404}
    assert worker.stop() == 0, worker.log


BLOCKED = "import time; from stream.detector import Detector; Detector.on_batch = lambda *_: time.sleep(600)"
STUCK = """
import asyncio
from stream.job.partition import Partition
async def wait(*_): await asyncio.sleep(600)
Partition.on_run = wait
"""


ALONE = """
from aiokafka.consumer.group_coordinator import GroupCoordinator
async def fail(*_): raise ValueError
GroupCoordinator._perform_assignment = fail
import stream.job.pulse
stream.job.pulse.REBALANCE_SECONDS = 3
"""


@pytest.mark.parametrize(
    ("sabotage", "reason"),
    [
        (BLOCKED, "the event loop has not turned"),
        (STUCK, "has not moved for"),
        (ALONE, "the state is not read back yet, for"),
    ],
)
def test_a_worker_that_stands_still_ends(
    kafka: str, filled: str, deploy: Deploy, sabotage: str, reason: str
) -> None:
    port = free_port()
    worker = deploy(filled, health_port=port, stall_seconds=3).start(sabotage=sabotage)
    _, body = wait_for(lambda: (found := get(port, "/livez"))[0] == 503 and found, "/livez to fail")
    assert reason in body
    assert worker.wait() == STALLED
    last = orjson.loads(worker.log.splitlines()[-1])
    assert last["level"] == "critical"
    assert reason in last["message"]
    assert "the main thread is at" in last["message"]


def test_a_worker_that_can_not_stop_in_time_ends(kafka: str, filled: str, deploy: Deploy) -> None:
    sabotage = STUCK.replace("on_run", "drain") + "import stream.job.pulse as p; p.DRAIN_SECONDS = 1"
    worker = deploy(filled).start(sabotage=sabotage)
    wait_for(lambda: worker.running, "the worker")
    assert worker.stop() == STALLED
    assert "was asked to stop" in worker.log


PLANTED = "4929-planted-value"
RAISE = f"""
def fail(*_): raise ValueError("can't read {PLANTED}")
async def fail_later(*_):
    import asyncio
    await asyncio.sleep(1)
    fail()
"""


@pytest.mark.parametrize(
    "sabotage",
    [
        "from stream.detector import Detector; Detector.on_batch = fail",
        "from stream.detector import Detector; Detector.changes = fail",
        "from stream.detector import Detector; Detector.restore = fail",
        "from stream.job.store import PartitionStore; PartitionStore.on_rebalance = fail_later",
        "from stream.job.transport import RunConsumer; RunConsumer._fetched = fail_later",
        "from stream.job.transport import RunConsumer; RunConsumer.release = fail_later",
        "from stream.job.pulse import Pulse; Pulse.look = fail_later",
        "from stream.job.pulse import Pulse; Pulse.beat = fail_later",
        "from stream.job.pulse import Pulse; Pulse.stalled = fail",
        "from stream.job.app import Job; Job._look_for_strays = fail_later",
        "from stream.job.sink import Sink; Sink.start = fail_later",
        "from stream.job.sink import Sink; Sink.alert = fail_later",
        "from faust.transport.consumer import Consumer; Consumer._drain_messages = fail_later",
    ],
)
def test_a_crash_ends_the_process(kafka: str, filled: str, deploy: Deploy, sabotage: str) -> None:
    deployment = deploy(filled)
    if "restore" in sabotage:
        first = deployment.start()
        deployment.settle()
        assert first.stop() == 0
    worker = deployment.start(sabotage=RAISE + sabotage)
    assert worker.wait() == CRASHED
    assert all(line.startswith('{"time":') for line in worker.log.splitlines()), worker.log
    assert "ValueError" in worker.log
    assert PLANTED not in worker.log


def refused(kafka: str, **settings: Any) -> tuple[int, list[dict[str, Any]]]:
    """Exit status of a worker that does not start, and its log."""
    environment = {f"ONSIGHT_{name.upper()}": str(value) for name, value in settings.items()}
    ended = subprocess.run(
        [ONSIGHT, "worker"],
        env={**os.environ, "ONSIGHT_KAFKA": kafka, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return ended.returncode, [orjson.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"batch": 0, "nonsense": 1}, MISCONFIGURED, "saw '0', expected greater than or equal to 1"),
        ({"batch": 0, "nonsense": 1}, MISCONFIGURED, "ONSIGHT_NONSENSE in the environment: not a setting"),
        ({"profile": "nowhere.yaml"}, MISCONFIGURED, "nowhere.yaml"),
        ({"artifact": "/"}, MISCONFIGURED, "manifest.json"),
        ({"input_topic": "nowhere"}, UNAVAILABLE, "'nowhere'"),
        ({"kafka": "127.0.0.1:1"}, UNAVAILABLE, "no answer from the brokers"),
    ],
)
def test_a_worker_that_can_not_start_says_why_in_one_line(
    kafka: str, settings: dict[str, Any], status: int, message: str
) -> None:
    ended, lines = refused(**{"kafka": kafka, **settings})
    assert ended == status
    assert message in lines[-1]["message"]
    assert lines[-1]["level"] == "critical"


def test_a_taken_port_is_told(kafka: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        ended, lines = refused(kafka, health_port=held.getsockname()[1])
    assert (ended, len(lines)) == (MISCONFIGURED, 1)
    assert "health_port" in lines[0]["message"]


@pytest.mark.parametrize("instance", ["", "one"])
def test_a_worker_that_leaves_leaves_the_group(
    kafka: str, admin: KafkaAdminClient, filled: str, deploy: Deploy, instance: str
) -> None:
    """A static member stays on the list for its session, so that its partitions wait for it."""
    deployment = deploy(filled)
    worker = deployment.start(instance)
    deployment.settle()
    assert worker.stop() == 0, worker.log
    members = admin.describe_groups([deployment.name])[deployment.name]["members"]
    assert len(members) == bool(instance)


def test_of_two_workers_of_one_name_the_older_ends(kafka: str, filled: str, deploy: Deploy) -> None:
    deployment = deploy(filled)
    older = deployment.start("same")
    wait_for(lambda: older.running, "the older worker")
    newer = deployment.start("same")
    assert older.wait() == REPLACED
    assert "the place of instance_id 'same' in the group is no longer this worker's" in older.log
    wait_for(lambda: newer.running or deployment.committed(), "the newer worker")
    deployment.settle()
    time.sleep(4)  # longer than between two heartbeats: it stays
    assert newer.stop() == DRAINED, newer.log
