"""The chart on a real API server: installed, upgraded, rolled back, where Pod Security enforces `restricted`.

Needs Go and apt-get (Debian). The API server is built once, which takes many minutes on a small machine.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, control_plane
from tools import CHART, KEDA, PROMETHEUS_OPERATOR, kubernetes, module

VALUES = sorted((CHART / "ci").glob("*.yaml"))
LEVELS = ("enforce", "warn", "audit")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        define_custom_resources(running)
        yield running


def define_custom_resources(cluster: Cluster) -> None:
    operator = module(*PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd"
    scaling = module(*KEDA) / "config" / "crd" / "bases"
    files = [operator / f"monitoring.coreos.com_{name}.yaml" for name in ("podmonitors", "prometheusrules")]
    files += [scaling / f"keda.sh_{name}.yaml" for name in ("scaledobjects", "triggerauthentications")]
    for file in files:
        cluster.kubectl("apply", "--server-side", "-f", file)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Makes namespaces where only restricted pods are let in."""

    def make(name: str) -> str:
        cluster.kubectl("create", "namespace", name)
        labels = [f"pod-security.kubernetes.io/{level}=restricted" for level in LEVELS]
        cluster.kubectl("label", "namespace", name, *labels)
        return name

    yield make


def test_the_namespace_turns_an_ordinary_pod_away(cluster: Cluster, namespace: Callable[[str], str]) -> None:
    command = [kubernetes() / "kubectl", "-n", namespace("control"), "run", "plain", "--image=plain"]
    refused = subprocess.run(command, env=cluster.environment, text=True, capture_output=True)
    assert refused.returncode != 0 and "violates PodSecurity" in refused.stderr


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_install_upgrade_and_rollback(
    cluster: Cluster, namespace: Callable[[str], str], values: Path
) -> None:
    where = namespace(values.stem)
    helm = ("--namespace", where, "--values", values)
    said = cluster.helm("install", "onsight", CHART, *helm)
    assert "PodSecurity" not in said
    cluster.settle(where)
    first = state(cluster, where)
    assert first["images"] and first["workers"] == replicas(cluster, where)
    exports = run_exporter(cluster, where)
    other = "sha256:" + "1" * 64
    cluster.helm("upgrade", "onsight", CHART, *helm, "--set", f"image.digest={other},settings.batch=1024")
    cluster.settle(where)
    second = state(cluster, where)
    assert all(other in image for image in second["images"]) and not any(
        other in image for image in first["images"]
    )
    assert second["settings"]["ONSIGHT_BATCH"] == "1024"
    assert second["workers"] == first["workers"]
    cluster.helm("rollback", "onsight", "1", "--namespace", where)
    cluster.settle(where)
    assert state(cluster, where) == first
    cluster.helm("uninstall", "onsight", "--namespace", where, "--wait", "--cascade=foreground")
    assert not cluster.get(where, "statefulsets") and not cluster.get(where, "cronjobs")
    claims = [claim["metadata"]["name"] for claim in cluster.get(where, "persistentvolumeclaims")]
    assert claims == (["onsight-experience"] if exports else [])


def replicas(cluster: Cluster, where: str) -> int:
    return sum(int(one["spec"]["replicas"]) for one in cluster.get(where, "statefulsets"))


def state(cluster: Cluster, where: str) -> dict[str, Any]:
    """What an upgrade changes and a rollback must bring back: of the pods that run, and of their settings."""
    pods = [pod for pod in cluster.get(where, "pods") if owner(pod) == "StatefulSet"]
    (settings,) = (
        one for one in cluster.get(where, "configmaps") if one["metadata"]["name"].endswith("-settings")
    )
    return {
        "workers": len(pods),
        "images": sorted({container["image"] for pod in pods for container in pod["spec"]["containers"]}),
        "revision": sorted({pod["metadata"]["annotations"]["checksum/settings"] for pod in pods}),
        "settings": settings["data"],
    }


def owner(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["kind"])


def run_exporter(cluster: Cluster, where: str) -> bool:
    """Start the CronJob's job by hand, where there is one: its pod must be let in as well."""
    for cron in cluster.get(where, "cronjobs"):
        cluster.kubectl("-n", where, "create", "job", "by-hand", f"--from=cronjob/{cron['metadata']['name']}")
        cluster.settle(where)
        cluster.kubectl("-n", where, "delete", "job", "by-hand")
        return True
    return False


def test_each_optional_object_is_there(cluster: Cluster, namespace: Callable[[str], str]) -> None:
    """The operators' resources pass the API server's validation and keep all that was said."""
    where = namespace("optional")
    for name in ("secure", "mtls"):
        cluster.helm(
            "install", name, CHART, "--namespace", where, "--values", CHART / "ci" / f"{name}-values.yaml"
        )
    kinds = ("podmonitors", "prometheusrules", "scaledobjects", "triggerauthentications", "networkpolicies")
    assert all(cluster.get(where, kind) for kind in kinds)
    (rules,) = cluster.get(where, "prometheusrules")
    assert len(rules["spec"]["groups"]) == len(list((CHART / "rules").iterdir())) - 1
    assert json.dumps(rules).count("https://runbooks.example/onsight/") == len(rules["spec"]["groups"])
