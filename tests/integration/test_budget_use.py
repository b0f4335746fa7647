"""The use of the alert budget, on a real broker: a worker that was killed goes on counting where it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from card_stream import PROFILE, events
from deployment import Deployment, produce, read, wait_for
from test_health import get, metrics
from test_verdicts import Watched, run
from test_worker import admin, deploy, sources

__all__ = ["admin", "deploy", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

BUDGET = 40  # alerts a day
COUNT = 12_000  # events
FASTER = 225  # all of them in four days


def hurried() -> list[tuple[bytes, bytes]]:
    """The events, so that many are in one day."""
    found = [(key, orjson.loads(value)) for key, value in events(COUNT)]
    first = found[0][1]["ts"]
    return [
        (key, orjson.dumps({**event, "ts": first + (event["ts"] - first) // FASTER})) for key, event in found
    ]


def days(deployment: Deployment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(run(deployment, "status", "--json").stdout)["days"]
    return found


def used(watched: Watched) -> dict[tuple[str, ...], float]:
    """The share of the budget that is used, by profile."""
    samples = metrics(watched.ports["one"]).items()
    return {key: value for key, value in samples if key[0] == "onsight_budget_use_ratio"}


def test_the_use_of_the_budget_survives_a_kill(
    kafka: str, sources: Callable[[], str], deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    watched = Watched(kafka, deploy(sources()))
    deployment = watched.deployment
    described = tmp_path / "budget.yaml"
    described.write_text(PROFILE.replace("{p: 0.3, suppress: 0}", f"{{per_day: {BUDGET}, suppress: 0}}"))
    deployment.environment["ONSIGHT_PROFILE"] = str(described)
    worker = watched.start()
    produce(kafka, deployment.source, hurried())
    deployment.settle()
    use, told = used(watched), days(deployment)
    worker.kill()
    watched.start()
    wait_for(lambda: get(watched.ports["one"], "/readyz")[0] == 200, "the worker to be ready again")
    assert used(watched) == use
    assert days(deployment) == told
    sent = {orjson.loads(record.value)["id"] for record in read(kafka, deployment.alerts)}
    assert sum(day["alerts"] for day in told) == len(sent)
    assert [day["budget_use"] for day in told] == [round(day["alerts"] / BUDGET, 3) for day in told]
    last_two = sum(day["alerts"] for day in told[-2:])  # the last 24 hours are in them
    assert 0 < sum(use.values()) * BUDGET <= last_two
