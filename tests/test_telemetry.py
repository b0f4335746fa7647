"""ONNX Runtime's telemetry is off: importing it through our packages writes no file anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["stream.scorer", "export.package"])
def test_importing_the_model_runtime_leaves_no_file(module: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", f"import {module}"], env={**kept, **places}, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []
