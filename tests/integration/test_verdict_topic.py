"""A verdicts topic that is deleted and made again: a worker says so and ends, and then knows what both said."""

import signal
from collections.abc import Callable

import pytest
from deployment import Deployment, wait_for
from kafka import KafkaAdminClient
from test_health import get
from test_verdicts import COUNT, HALF, Watched, judged, replayed
from test_worker import admin, deploy, sources, written

from stream.job.status import UNAVAILABLE

__all__ = ["admin", "deploy", "sources"]  # fixtures

pytestmark = pytest.mark.kafka


@pytest.fixture
def watched(kafka: str, sources: Callable[[], str], deploy: Callable[..., Deployment]) -> Watched:
    return Watched(kafka, deploy(sources()))


@pytest.mark.parametrize("refilled", [False, True])
def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    kafka: str, watched: Watched, admin: KafkaAdminClient, refilled: bool
) -> None:
    """Also one that has more than was read of the old one before the worker can look."""
    deployment = watched.deployment
    verdicts = judged(replayed(deployment.source, []), "dismissed", 15)
    assert replayed(deployment.source, verdicts) != replayed(deployment.source, verdicts[:12])
    worker = watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    watched.apply(verdicts[:12])
    worker.process.send_signal(signal.SIGSTOP)
    admin.delete_topics([deployment.verdicts])
    wanted = {"num_partitions": 1, "replication_factor": 1}
    admin.create_topics({deployment.verdicts: wanted}, wait_for_metadata=True)
    if refilled:
        watched.give(verdicts)
    worker.process.send_signal(signal.SIGCONT)
    assert worker.wait() == UNAVAILABLE, worker.log
    assert "was deleted and made again" in worker.log or "can't be shared out any more" in worker.log
    watched.start()
    wait_for(lambda: get(watched.ports["one"], "/readyz")[0] == 200, "the worker to be ready again")
    if not refilled:
        watched.give(verdicts[12:])
    watched.await_known(15 if refilled else 3)
    watched.feed(HALF, COUNT)
    deployment.settle()
    assert written(kafka, deployment) == replayed(deployment.source, verdicts)


def test_a_worker_whose_topic_is_gone_ends_and_says_so(watched: Watched, admin: KafkaAdminClient) -> None:
    deployment = watched.deployment
    worker = watched.start()
    watched.feed(0, HALF)
    deployment.settle()
    admin.delete_topics([deployment.verdicts])
    assert worker.wait() == UNAVAILABLE, worker.log
    assert "if a topic was deleted, `onsight topics create` makes" in worker.log
    again = watched.start()
    assert again.wait() == UNAVAILABLE
    assert f"topic '{deployment.verdicts}' not found" in again.log
