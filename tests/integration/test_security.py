"""A worker that logs in by SCRAM or a certificate, with no more rights than it needs."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from deployment import ONSIGHT, Deployment, Worker, ends, wait_for
from kafka import KafkaAdminClient
from secure import KEY_PASSWORD, Secure, add_user, allow, secure_broker
from test_worker import admin, deploy, expected, filled, sources, written

from stream.job.rights import Right, rights, rights_to_collect
from stream.job.status import CRASHED, DRAINED, UNAVAILABLE
from stream.settings import Settings

__all__ = ["admin", "deploy", "filled", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

PASSWORD = "planted-sasl-password"
Deploy = Callable[..., Deployment]


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    with secure_broker(tmp_path_factory.mktemp("secure"), ("by-certificate", "nobody")) as broker:
        with KafkaAdminClient(bootstrap_servers=broker.open) as client:
            for user in ("by-password", "without-alerts", "collector"):
                add_user(client, user, PASSWORD)
        yield broker


@pytest.fixture(scope="module")
def kafka(secure: Secure) -> str:
    """For the fixtures of the other tests: where all is allowed."""
    return secure.open


def settings_of(deployment: Deployment) -> Settings:
    given = {name.removeprefix("ONSIGHT_").lower(): value for name, value in deployment.environment.items()}
    return Settings.model_construct(**given)


def needed(deployment: Deployment) -> tuple[Right, ...]:
    return rights(settings_of(deployment))


def login(secure: Secure, user: str) -> dict[str, Any]:
    by_password = user != "by-certificate" and user != "nobody"
    return secure.password(user, PASSWORD) if by_password else secure.certificate(user)


@pytest.mark.parametrize("user", ["by-password", "by-certificate"])
@pytest.mark.parametrize("route", [False, True])
def test_the_event_path_with_the_least_rights(
    secure: Secure, admin: KafkaAdminClient, filled: str, deploy: Deploy, user: str, route: bool
) -> None:
    deployment = deploy(filled, route=route)
    allow(admin, user, needed(deployment))
    worker = deployment.start(**login(secure, user))
    deployment.settle()
    if route:
        wait_for(lambda: written(secure.open, deployment), "alerts")
    else:
        assert written(secure.open, deployment) == expected(filled)
    assert worker.stop() == DRAINED, worker.log
    assert_no_secret(worker)


def assert_no_secret(worker: Worker) -> None:
    assert PASSWORD not in worker.log
    assert KEY_PASSWORD not in worker.log


def test_a_wrong_password_is_refused_and_not_told(secure: Secure, filled: str, deploy: Deploy) -> None:
    worker = deploy(filled).start(**secure.password("by-password", f"not-{PASSWORD}"))
    assert worker.wait() == UNAVAILABLE, worker.log
    assert "uthentication" in worker.log
    assert_no_secret(worker)


def test_a_user_without_rights_is_told(secure: Secure, filled: str, deploy: Deploy) -> None:
    worker = deploy(filled).start(**login(secure, "nobody"))
    assert worker.wait() == UNAVAILABLE, worker.log
    assert "not open to this user" in worker.log
    assert_no_secret(worker)


@pytest.mark.parametrize("instead", [(), ("Describe",)])
def test_a_missing_right_ends_the_worker(
    secure: Secure, admin: KafkaAdminClient, filled: str, deploy: Deploy, instead: tuple[str, ...]
) -> None:
    """The right to see a topic does for the start, and the first alert then fails."""
    user = "without-alerts"
    deployment = deploy(filled)
    kept = tuple(right for right in needed(deployment) if right.name != deployment.alerts)
    allow(admin, user, (*kept, Right("topic", deployment.alerts, instead)))
    worker = deployment.start(**login(secure, user))
    assert worker.wait() == (CRASHED if instead else UNAVAILABLE), worker.log
    assert ("TopicAuthorizationFailedError" if instead else f"'{deployment.alerts}' not found") in worker.log
    assert_no_secret(worker)


def test_experience_is_collected_with_the_least_rights(
    secure: Secure, admin: KafkaAdminClient, filled: str, deploy: Deploy, tmp_path: Path
) -> None:
    deployment = deploy(filled)
    allow(admin, "collector", rights_to_collect(settings_of(deployment)))
    own = {f"ONSIGHT_{name.upper()}": str(value) for name, value in login(secure, "collector").items()}
    done = subprocess.run(
        [ONSIGHT.with_name("onsight-export"), "collect", "--json", "--store", tmp_path / "store"],
        env={**os.environ, **deployment.environment, **own},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    told = orjson.loads(done.stdout)
    assert told["events"] + told["left_out"] == sum(ends(secure.open, filled).values())
    assert PASSWORD.encode() not in done.stdout + done.stderr
