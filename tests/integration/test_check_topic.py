"""`onsight check --topic` on a real broker: the newest events, strays noticed, nothing written."""

from collections.abc import Callable

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaProducer

from stream.cli.check import command
from stream.errors import BrokerError

pytestmark = pytest.mark.kafka
GOOD = {"card": "ann", "ts": 1_700_000_000_000, "amount": 5.5}


def fill(kafka: str, name: str) -> None:
    """40 good events of 10 cards on partitions 0 and 1, one card on both, and one bad record."""
    with KafkaProducer(bootstrap_servers=kafka) as producer:
        for i in range(40):
            value = orjson.dumps(GOOD | {"card": f"c{i % 10}", "amount": i})
            producer.send(name, value, key=b"k", partition=i % 2)
        producer.send(name, orjson.dumps(GOOD | {"card": "c0"}), key=b"k", partition=1)
        producer.send(name, b"broken", key=b"k", partition=1)


def check(kafka: str, *arguments: str) -> CliRunner:
    return CliRunner().invoke(
        command, ["--profile", "card", *arguments], env={"ONSIGHT_KAFKA": kafka, "COLUMNS": "200"}
    )


def test_the_newest_events_of_a_topic_are_checked(kafka: str, topic: Callable[..., str]) -> None:
    name = topic("check", partitions=3)
    fill(kafka, name)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        groups = {group["group_id"] for group in admin.list_groups()}
        topics = set(admin.list_topics())

        whole = orjson.loads(check(kafka, "--topic", name, "--json").stdout)
        newest = orjson.loads(check(kafka, "--topic", name, "--limit", "9", "--json").stdout)

        assert {group["group_id"] for group in admin.list_groups()} == groups
        assert set(admin.list_topics()) == topics
    assert (whole["events"], whole["good"], whole["entities"]) == (42, 41, 10)
    assert (whole["strayed"], whole["strays"]) == (1, {"c0": [0, 1]})
    assert [(r["reason"], r["partition"], r["offset"]) for r in whole["rejects"]] == [("not-json", 1, 21)]
    assert newest["events"] == 6


def test_a_stray_entity_is_told_with_what_to_do(kafka: str, topic: Callable[..., str]) -> None:
    name = topic("check", partitions=2)
    fill(kafka, name)
    output = check(kafka, "--topic", name).output
    assert "entities in more than one partition: 1 (c0 in 0 and 1)" in output
    assert "set route to true (ONSIGHT_ROUTE)" in output.replace("\n", " ")


def test_a_topic_that_does_not_exist_is_not_made(kafka: str) -> None:
    result = check(kafka, "--topic", "nobody-made-this")
    assert isinstance(result.exception, BrokerError)
    assert "does not exist" in str(result.exception)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        assert "nobody-made-this" not in admin.list_topics()
