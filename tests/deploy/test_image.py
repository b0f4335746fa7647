"""The images: what is in that of the worker, and the exporter's at work."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from images import BUILD, base, buildah, container, image, inside
from kafka import KafkaAdminClient
from tools import HERE, ROOT

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "integration")]  # the streams and workers of other tests

from deployment import produce  # noqa: E402

from stream.sandbox.cards import simulate  # noqa: E402

__all__ = ["base", "container", "image"]  # fixtures

EXPORTER = "localhost/onsight-exporter:test"


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
    words = (*BUILD, "--target", "exporter", "--build-arg", f"BASE={base}")
    buildah("bud", *words, "--tag", EXPORTER, ROOT)
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
