"""The programs that the deployment is tested with: built or fetched once, kept in the cache folder beside the jars.

Go's checksum database and apt's signatures vouch for what comes.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stream.sandbox.fetch import cache_folder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "helm" / "onsight"
CACHE = cache_folder() / "deploy"
# What Helm's releases are built with: the Kubernetes that charts are rendered for where there is no cluster.
KUBERNETES_OF_HELM = " ".join(
    f"-X helm.sh/helm/v3/pkg/{place}.k8sVersion{part}={number}"
    for place in ("chartutil", "lint/rules")
    for part, number in (("Major", 1), ("Minor", 37))
)
HELM = "helm.sh/helm/v3", "v3.22.0", "cmd/helm", KUBERNETES_OF_HELM
HELM_UNITTEST = "github.com/helm-unittest/helm-unittest", "v1.1.2", "cmd/helm-unittest"
COMPOSE = "github.com/compose-spec/compose-go/v2", "v2.16.2"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator", "v0.85.0"
KEDA = "github.com/kedacore/keda/v2", "v2.21.0"


def run(command: Sequence[object], **options: object) -> str:
    """Run a command to its end and return what it printed; an AssertionError shows what a failing one said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, text=True, capture_output=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, (
        f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return str(done.stdout)


def module(path: str, version: str) -> Path:
    """The folder of a Go module's source."""
    found = json.loads(run([_needed("go"), "mod", "download", "-json", f"{path}@{version}"], cwd="/"))
    return Path(found["Dir"])


def program(path: str, version: str, package: str, flags: str = "") -> Path:
    """A program built from its Go module, with the versions that the module itself was made with."""
    built = CACHE / f"{Path(package).name}-{version}" / Path(package).name
    if not built.exists():
        source = module(path, version)
        options = ["-trimpath", "-buildvcs=false", f"-ldflags={flags}", "-o", built]
        run([_needed("go"), "build", "-C", source, *options, f"./{package}"])
    return built


def kubernetes() -> Path:
    """A folder with kube-apiserver, kube-controller-manager and kubectl of the version in kubernetes/go.mod."""
    source = HERE / "kubernetes"
    text = (source / "go.mod").read_text()
    folder = CACHE / f"kubernetes-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not (folder / "kubectl").exists():
        version = re.findall(r"k8s\.io/kubernetes (v[0-9.]+)", text)[0]
        major, minor, _ = version.removeprefix("v").split(".")
        names = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in names.items())
        command = [
            _needed("go"),
            "install",
            "-C",
            source,
            "-trimpath",
            "-buildvcs=false",
            f"-ldflags={flags}",
            "tool",
        ]
        building = folder.with_suffix(".building")
        run(command, env={**os.environ, "GOBIN": str(building)})
        building.replace(folder)
    return folder


def debian(package: str, binary: str) -> Path:
    """A program of a Debian package, unpacked and not installed."""
    folder = CACHE / package
    if not (folder / binary).exists():
        folder.mkdir(parents=True, exist_ok=True)
        run([_needed("apt-get"), "download", package], cwd=folder)
        (archive,) = folder.glob(f"{package}_*.deb")
        run(["dpkg-deb", "-x", archive, folder])
        archive.unlink()
    return folder / binary


def helm(*words: object, **options: object) -> str:
    return run([program(*HELM), *words], **options)


def _needed(command: str) -> str:
    found = shutil.which(command)
    assert found, f"these tests need `{command}` on the path: see the head of the test's file"
    return found
