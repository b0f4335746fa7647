"""Standbys that take over, and events that are routed by their entity first."""

import signal
from collections import Counter
from collections.abc import Callable

import orjson
import pytest
from card_stream import events
from deployment import Deployment, ends, produce, read, wait_for
from test_worker import COUNT, admin, deploy, expected, feed, filled, sources, written

__all__ = ["admin", "deploy", "feed", "filled", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

Deploy = Callable[..., Deployment]


def test_a_standby_takes_over_with_the_same_state(
    kafka: str, sources: Callable[[], str], deploy: Deploy
) -> None:
    source = sources()
    half = COUNT // 2
    produce(kafka, source, events(COUNT)[:half])
    deployment = deploy(source, standby_replicas=1)
    first, second = deployment.start("first"), deployment.start("second")
    deployment.settle()
    first.process.send_signal(signal.SIGKILL)
    produce(kafka, source, events(COUNT)[half:])
    deployment.settle()
    assert written(kafka, deployment) == expected(source)
    assert second.stop() == 0, second.log


def test_a_source_without_keys_is_routed_by_the_entity(
    kafka: str, sources: Callable[[], str], deploy: Deploy
) -> None:
    source = sources()
    produce(kafka, source, [(None, value) for _, value in events(COUNT)])
    deployment = deploy(source, route=True)
    worker = deployment.start()
    deployment.settle()
    routed = f"{deployment.name}-routed"
    wait_for(lambda: deployment.committed(routed) == ends(kafka, routed), "the routed events to be scored")
    assert worker.stop() == 0, worker.log
    sent = read(kafka, routed)
    assert Counter(record.value for record in sent) == Counter(value for _, value in events(COUNT))
    assert all(record.key == orjson.loads(record.value)["card"].encode() for record in sent)
    homes = {(record.key, record.partition) for record in sent}
    assert len(homes) == len({key for key, _ in homes})
    assert read(kafka, deployment.alerts)


def test_an_entity_in_two_partitions_is_told(kafka: str, sources: Callable[[], str], deploy: Deploy) -> None:
    source = sources()
    produce(kafka, source, [(str(number).encode(), value) for number, (_, value) in enumerate(events(COUNT))])
    worker = deploy(source).start()
    wait_for(lambda: "window is torn in two" in worker.log, "the warning")
    assert worker.stop() == 0, worker.log
