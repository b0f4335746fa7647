"""Who may import whom: the pure core knows neither Kafka nor files nor the time of day, and nothing points upwards."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Edges of the process, each alone in its module; every other module right in stream/ belongs to the pure core.
FILES_AND_PROCESS = {
    "stream.files",
    "stream.memory",
    "stream.scored_file",
    "stream.settings",
}
PROCESS = {"stream"}  # the package itself, which switches telemetry off before anything is imported
KAFKA = {"aiokafka", "faust", "kafka", "mode"}
ROOMS = ("stream.job", "stream.cli", "stream.sandbox")
CLOCKS = {"asyncio", "random", "secrets", "threading", "time", "uuid"}
NAMES = {
    "os.environ",
    "os.getenv",
    "os.urandom",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
}
ONLY_IN = {"onnxruntime": {"stream.scorer"}, "pyarrow": {"stream.files", "stream.scored_file"}}
THIRD_PARTY = {"cryptography", "numpy", "onnxruntime", "orjson", "pydantic", "yaml"}  # of the pure core


def modules(package: str) -> Iterator[tuple[str, str]]:
    """Dotted name and source of every module of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text("utf-8")


def imported(source: str) -> set[str]:
    """Every module that a source text imports, at its top or inside a function, by absolute dotted name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def named(source: str) -> set[str]:
    """Every `a.b` of a source text."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return {f"{node.value.id}.{node.attr}" for node in nodes if isinstance(node.value, ast.Name)}


def within(name: str, *packages: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def is_pure(module: str) -> bool:
    return (
        within(module, "stream") and module not in PROCESS and not within(module, *ROOMS, *FILES_AND_PROCESS)
    )


def violations(module: str, source: str) -> list[str]:
    """What a module of `stream` or `export` does that its place in the house forbids."""
    found = []
    pure = is_pure(module)
    for name in sorted(imported(source)):
        top = name.partition(".")[0]
        for library, homes in ONLY_IN.items():
            if within(module, "stream") and top == library and module not in homes:
                found.append(f"{module} imports {name}, which only {', '.join(sorted(homes))} may")
        if within(module, "stream") and top == "export":
            found.append(f"{module} imports {name}: stream never imports export")
        if top in KAFKA and not within(module, *ROOMS):
            found.append(f"{module} imports {name}: Kafka is for {', '.join(ROOMS)}")
        if pure and within(name, *ROOMS, *FILES_AND_PROCESS):
            found.append(f"{module} imports {name}: the core knows no edge")
        if pure and top in CLOCKS:
            found.append(f"{module} imports {name}: the core has no clock, no chance and no tasks")
        if pure and top not in {"stream", *THIRD_PARTY, *sys.stdlib_module_names}:
            found.append(f"{module} imports {name}, which the core does without")
    if pure:
        found += [f"{module} uses {name}" for name in sorted(named(source) & NAMES)]
    return found


@pytest.mark.parametrize("package", ["stream", "export"])
def test_imports_point_one_way(package: str) -> None:
    assert [found for name, source in modules(package) for found in violations(name, source)] == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("stream.windows", "import aiokafka", "Kafka is for"),
        ("stream.files", "from kafka.admin import NewTopic", "Kafka is for"),
        ("export.knn", "import faust", "Kafka is for"),
        ("stream.policy", "def f():\n    import time", "no clock"),
        ("stream.peers", "from random import random", "no clock, no chance"),
        ("stream.detector", "import asyncio", "no tasks"),
        ("stream.features", "import os\nos.environ['A']", "uses os.environ"),
        ("stream.alerts", "from datetime import datetime\ndatetime.now()", "uses datetime.now"),
        ("stream.detector", "from onnxruntime import InferenceSession", "only stream.scorer may"),
        ("stream.job.app", "import onnxruntime", "only stream.scorer may"),
        ("stream.events", "import pyarrow.parquet", "only stream.files, stream.scored_file may"),
        ("stream.detector", "from stream.job.sink import Sink", "the core knows no edge"),
        ("stream.detector", "from stream import job", "the core knows no edge"),
        ("stream.detector", "import rich", "does without"),
        ("stream.alerts", "from stream.settings import Settings", "the core knows no edge"),
        ("stream.cli.replay", "from export.knn import build", "stream never imports export"),
    ],
)
def test_a_violation_is_found(module: str, source: str, expected: str) -> None:
    found = violations(module, source)
    assert any(expected in text for text in found), found


def test_what_is_allowed_is_not_found() -> None:
    assert (
        violations("stream.job.app", "import faust, asyncio, time\nfrom stream.detector import Detector")
        == []
    )
    assert (
        violations("stream.windows", "import struct\nimport numpy as np\nfrom stream.slots import Slots")
        == []
    )
    assert violations("export.knn", "import onnx\nfrom stream.context import Context") == []
