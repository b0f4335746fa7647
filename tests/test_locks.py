"""The locks beside requirements.lock hold nothing that it does not hold too, byte for byte."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WHOLE = ROOT / "requirements.lock"
# Beside what the extras bring: what validates the chart's objects, in an environment of tests alone.
OWN = {"kubernetes-validate", "importlib-resources"}


def pinned(lock: Path) -> dict[str, set[str]]:
    """The hashes of each distribution "name==version" in a lock."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text().splitlines():
        if start := re.match(r"([a-z0-9][\w.-]*==[^\s;]+)", line):
            hashes = found.setdefault(start[1], set())
        elif digest := re.search(r"--hash=(sha256:[0-9a-f]{64})", line):
            hashes.add(digest[1])
    return found


@pytest.mark.parametrize(
    "name",
    ["deploy/locks/worker", "deploy/locks/exporter", "deploy/locks/build", "tests/deploy/requirements"],
)
def test_a_lock_is_a_part_of_the_whole_one(name: str) -> None:
    whole, part = pinned(WHOLE), pinned(ROOT / f"{name}.lock")
    assert part and all(part.values())
    for distribution, hashes in part.items():
        if distribution.partition("==")[0] not in OWN:
            assert whole.get(distribution) == hashes, f"{distribution} differs: run `make lock`"


def test_the_workers_lock_brings_no_training_library() -> None:
    names = {one.partition("==")[0] for one in pinned(ROOT / "deploy/locks/worker.lock")}
    assert {"onnxruntime", "faust-streaming", "prometheus-client"} <= names
    assert not names & {"jax", "jaxlib", "onnx", "optax", "scikit-learn", "matplotlib", "pytest"}
