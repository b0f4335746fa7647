"""Fixtures that every test may use: `kafka`, a real broker, `topic`, which makes topics on it, and `quick_compiler`."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator

import pytest


def pytest_configure() -> None:
    """Let what the tests start hear SIGINT, which a shell makes its background jobs ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Apache Kafka: those of $ONSIGHT_KAFKA, else of a broker of the session."""
    if servers := os.environ.get("ONSIGHT_KAFKA"):
        yield servers
        return
    from stream.sandbox.broker import Broker

    with Broker.start() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="module")
def quick_compiler() -> Iterator[None]:
    """For what runs a few small steps in JAX: optimising them would take longer than it saves."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def topic(kafka: str) -> Iterator[Callable[..., str]]:
    """Make topics with unique names, gone after the test: `topic("events", partitions=4, compact=True)`."""
    from kafka import KafkaAdminClient

    made: list[str] = []
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:

        def make(name: str = "topic", *, partitions: int = 1, compact: bool = False) -> str:
            unique = f"{name}-{uuid.uuid4().hex[:12]}"
            configs = {"cleanup.policy": "compact"} if compact else {}
            wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
            admin.create_topics({unique: wanted}, wait_for_metadata=True)
            made.append(unique)
            return unique

        yield make
        if made:
            admin.delete_topics(made)
