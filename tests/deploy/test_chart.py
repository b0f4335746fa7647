"""The chart without a cluster: lint, its unit tests, the schemas of three Kubernetes versions. Needs Go."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate
from tools import CHART, HELM, HELM_UNITTEST, KEDA, PROMETHEUS_OPERATOR, helm, module, program, run

from stream.settings import Settings

VERSIONS = ("1.37.0", "1.36.0", "1.35.0")
VALUES = sorted((CHART / "ci").glob("*.yaml"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
each_value_set = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
IMAGE_SETS = {"instance_id", "health_host", "health_port"}  # by the pod's name, and by the image


def render(values: Path, version: str = VERSIONS[0], *more: object) -> list[dict[str, Any]]:
    text = helm("template", "release", CHART, "--values", values, "--kube-version", version, *more)
    return [one for one in yaml.safe_load_all(text) if one]


@each_value_set
def test_lint_finds_nothing(values: Path) -> None:
    helm("lint", "--strict", "--kube-version", VERSIONS[0], CHART, "--values", values)


def test_the_unit_tests_pass() -> None:
    run([program(*HELM_UNITTEST), "--strict", CHART])


@each_value_set
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_kubernetes_expects(values: Path, version: str) -> None:
    objects = render(values, version)
    ours = [one for one in objects if "." not in one["apiVersion"] or "k8s.io" in one["apiVersion"]]
    assert {"StatefulSet", "ConfigMap", "Service", "ServiceAccount"} <= {one["kind"] for one in ours}
    for one in ours:
        validate(one, version.rpartition(".")[0], strict=True)


def custom_resources() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each resource that the operators define, by API version and kind."""
    folders = (
        module(*PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd",
        module(*KEDA) / "config" / "crd" / "bases",
    )
    found = {}
    for path in (path for folder in folders for path in folder.glob("*.yaml")):
        # YAML 1.1 has a meaning for a bare =.
        text = re.sub("- =$", "- '='", path.read_text(), flags=re.MULTILINE)
        spec = yaml.safe_load(text)["spec"]
        for version in spec["versions"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            found[key] = version["schema"]["openAPIV3Schema"]
    return found


def test_every_custom_resource_is_what_its_operator_expects() -> None:
    from jsonschema import Draft202012Validator

    schemas, seen = custom_resources(), set()
    for one in (one for values in VALUES for one in render(values)):
        key = one["apiVersion"], one["kind"]
        if key in schemas:
            seen.add(one["kind"])
            Draft202012Validator(closed(schemas[key])).validate(one)
    assert seen == {"PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"}


def closed(schema: Any, top: bool = True) -> Any:
    """The schema with unknown fields forbidden, as an API server with strict validation has it."""
    if isinstance(schema, list):
        return [closed(one, False) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value, False) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not top:
        inner.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return inner


def leaves(
    schema: dict[str, Any], path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    inner = schema.get("properties", {})
    below = [leaf for name, one in inner.items() for leaf in leaves(one, (*path, name))]
    return below if inner else [(path, schema)]


def test_the_schema_describes_each_value_with_the_default_that_it_has() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    told: dict[str, Any] = {}
    for path, schema in leaves(SCHEMA):
        assert schema["description"] and "default" in schema, path
        place = told
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = schema["default"]
    assert told.pop("global") == {}
    assert told == defaults


def test_the_chart_knows_every_setting_of_the_worker_and_no_other() -> None:
    everything = [VALUES[0].parent / "secure-values.yaml", VALUES[0].parent / "mtls-values.yaml"]
    set_by_chart = {
        name for values in everything for name in re.findall(r"ONSIGHT_([A-Z_]+)", json.dumps(render(values)))
    }
    assert {name.lower() for name in set_by_chart} | IMAGE_SETS == set(Settings.model_fields) | IMAGE_SETS


def test_defaults_of_settings_are_those_of_the_worker() -> None:
    differ = {"log_format"}  # nobody reads a pod's log on a terminal
    for name, schema in SCHEMA["properties"]["settings"]["properties"].items():
        if name not in differ:
            assert schema["default"] == Settings.model_fields[name].default, name


def test_a_container_of_the_chart_starts_with_settings_that_the_worker_accepts() -> None:
    (config,) = (
        one for one in render(VALUES[0].parent / "default-values.yaml") if one["kind"] == "ConfigMap"
    )
    values = {name.removeprefix("ONSIGHT_").lower(): value for name, value in config["data"].items()}
    Settings.model_validate(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["replicas=5"], "replicas is 5, but topics.partitions is 4"),
        (["keda.enabled=true", "keda.maxReplicas=5"], "keda.maxReplicas is 5, but topics.partitions is 4"),
        (["keda.enabled=true", "keda.minReplicas=5"], "keda.minReplicas is 5, more than keda.maxReplicas"),
        (["kafka.securityProtocol=SASL_SSL"], "kafka.existingSecret is empty: name the secret"),
        (["kafka.existingSecret=s"], "which does not log in: choose SASL_SSL"),
        (["kafka.tls.existingSecret=s"], "which has no TLS: choose SSL"),
        (["kafka.securityProtocol=SSL", "kafka.tls.certKey=c"], "belong together: give both, or neither"),
        (["artifact.path=p"], "artifact.existingClaim is empty"),
        (["exporter.enabled=true"], "exporter.signingSecret is empty"),
        (["kafka.bootstrapServers="], "kafka.bootstrapServers is empty: say where the brokers are"),
        (["replica=3"], "replica"),
        (["replicas=many"], "replicas"),
        (["settings.max_key=5"], "max_key"),
        (["image.digest=sha256:1"], "image"),
    ],
)
def test_a_mistake_is_told_in_words(values: list[str], sentence: str) -> None:
    changes = [word for value in values for word in ("--set", value)]
    command = [program(*HELM), "template", CHART, "--kube-version", VERSIONS[0]]
    words = [*command, "--values", CHART / "ci" / "default-values.yaml", *changes]
    done = subprocess.run(words, text=True, capture_output=True)
    assert done.returncode == 1
    assert sentence in done.stderr
