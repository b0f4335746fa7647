"""`onsight topics` on a real broker: idempotent, and it says what differs."""

import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from stream.cli.topics import command
from stream.errors import BrokerError
from stream.job.clients import admin_client
from stream.job.topics import create_topics, describe_topics, topic_specs
from stream.settings import Settings, load_settings

pytestmark = pytest.mark.kafka
TOPICS = ("input", "alerts", "verdicts", "dead_letters", "models")


@pytest.fixture
def names(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Topic names of our own in the environment; the topics are deleted afterwards."""
    run = uuid.uuid4().hex[:8]
    names = {f"{kind}_topic": f"{kind}-{run}" for kind in TOPICS}
    for field, name in names.items():
        monkeypatch.setenv(f"ONSIGHT_{field.upper()}", name)
    monkeypatch.setenv("ONSIGHT_KAFKA", kafka)
    yield names
    with admin_client(Settings(kafka=kafka)) as admin:
        made = set(names.values()) & set(admin.list_topics())
        if made:
            admin.delete_topics(list(made))


def run(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    rows: list[dict[str, Any]] = orjson.loads(result.stdout)
    return rows


def test_create_makes_all_once_and_describe_finds_no_difference(names: dict[str, str]) -> None:
    assert {row["state"] for row in run("describe")} == {"missing"}
    assert {row["state"] for row in run("create")} == {"created"}
    again = run("create")
    assert again == run("describe")
    assert {row["topic"] for row in again} == set(names.values())
    assert all(row["state"] == "exists" and not row["differences"] for row in again)
    by_topic = {row["topic"]: row for row in again}
    assert by_topic[names["models_topic"]]["configs"]["cleanup.policy"] == "compact"
    assert by_topic[names["input_topic"]]["partitions"] == 4
    assert by_topic[names["verdicts_topic"]]["partitions"] == 1


def test_differences_are_told_and_never_repaired(names: dict[str, str]) -> None:
    settings = load_settings()
    with admin_client(settings) as admin:
        admin.create_topics({names["models_topic"]: {"num_partitions": 3, "replication_factor": 1}})
        create_topics(admin, topic_specs(settings))
        states = {state.spec.name: state for state in describe_topics(admin, topic_specs(settings))}
    assert states[names["models_topic"]].differences == (
        "partitions is 3, expected 1",
        "cleanup.policy is delete, expected compact",
        "max.message.bytes is 1048588, expected 1048576",
    )
    assert states[names["input_topic"]].differences == ()


def test_the_table_is_readable(names: dict[str, str]) -> None:
    result = CliRunner().invoke(command, ["describe"], catch_exceptions=False, env={"COLUMNS": "120"})
    assert names["alerts_topic"] in result.stdout
    assert "`onsight topics create` makes the missing ones." in result.stdout


def test_no_broker_is_one_readable_error() -> None:
    with (
        pytest.raises(BrokerError, match=r"127\.0\.0\.1:1 can't be reached"),
        admin_client(Settings(kafka="127.0.0.1:1")),
    ):
        pass
