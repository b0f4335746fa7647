"""docker-compose.yml, where no Docker engine is: held against the compose specification's schema. Needs Go."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from jsonschema import Draft7Validator
from tools import COMPOSE, ROOT, debian, module, run

from stream.events import decode
from stream.profile import load
from stream.settings import Settings, variable

PATH = ROOT / "docker-compose.yml"
FILE: dict[str, Any] = yaml.safe_load(PATH.read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]


def test_the_file_is_what_the_specification_asks_for() -> None:
    schema = json.loads((module(*COMPOSE) / "schema" / "compose-spec.json").read_text())
    Draft7Validator.check_schema(schema)
    Draft7Validator(schema).validate(FILE)


def test_there_is_all_of_the_demo() -> None:
    assert set(SERVICES) == {
        *("kafka", "topics", "worker-1", "worker-2", "producer"),
        *("prometheus", "grafana", "kafka-ui"),
    }


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to_is_there(name: str) -> None:
    service = SERVICES[name]
    needed = service.get("depends_on", {})
    assert set(needed) <= set(SERVICES)
    for other, how in needed.items() if isinstance(needed, dict) else ():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other], other
    for volume in service.get("volumes", ()):
        source, _, mode = volume.split(":")
        assert (ROOT / source).exists(), source
        assert mode == "ro"
    assert not service["image"].endswith(":latest") and ":" in service["image"]


@pytest.mark.parametrize("name", [name for name, one in SERVICES.items() if one["image"] == "onsight:local"])
def test_our_services_are_locked_down_and_set_only_what_the_worker_knows(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    known = {variable(field) for field in Settings.model_fields}
    assert set(service["environment"]) <= known
    Settings.model_validate(
        {key.removeprefix("ONSIGHT_").lower(): value for key, value in service["environment"].items()}
    )


def test_prometheus_scrapes_every_worker_and_reads_the_charts_rules(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    (scrape,) = yaml.safe_load(text)["scrape_configs"]
    targets = {target for static in scrape["static_configs"] for target in static["targets"]}
    assert targets == {f"{name}:8080" for name in SERVICES if name.startswith("worker")}
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/etc/prometheus/rules", str(ROOT / "helm" / "onsight" / "rules"))
    )
    said = run([debian("prometheus", "usr/bin/promtool"), "check", "config", tmp_path / "prometheus.yml"])
    rules = list((ROOT / "helm" / "onsight" / "rules").glob("*.yaml"))
    assert said.count("1 rules found") == len(rules) > 10


def test_the_demos_events_are_what_its_profile_reads() -> None:
    code = "import runpy; runpy.run_path('deploy/demo/cards.py')['main'](50, 2.0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    lines = done.stdout.splitlines()
    batch, rejects = decode(load("card"), None, lines, np.arange(len(lines)))
    assert len(batch) == len(lines) > 50 and not rejects
