"""Replay: without it training on new tasks costs the old ones, with it less than 0.01 of AUROC is lost."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from export import train as training
from export.cli import cli
from export.meta.kept import kept
from export.package import make_keys
from export.tasks.contexts import Layout
from export.train import Plan
from stream.artifact import load_artifact, read_public_key
from tests.forgetting import forgetting, old_tasks

pytestmark = pytest.mark.usefixtures("quick_compiler")

LOST = 0.01


def test_replay_keeps_what_new_tasks_would_cost(tmp_path: Path) -> None:
    found = forgetting(
        tmp_path, Plan(steps=300, category_steps=0, label_steps=0, averaging=0.99), 0.5, lambda _: None
    )
    assert found.before.old > 0.9
    assert found.without.old < found.before.old - 2 * LOST
    assert found.replayed.old > found.before.old - LOST
    assert found.replayed.new > found.before.new + 0.2


def test_the_command_goes_on_from_an_artifact_with_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Layout(groups=2, contexts=1, rows=16, columns=6, queries=4)
    monkeypatch.setattr(training, "LAYOUTS", (tiny,))
    monkeypatch.setattr(training, "LABEL_LAYOUTS", (tiny,))
    private, public = make_keys(tmp_path / "keys")
    old_tasks(tmp_path / "store", 1)

    def trained(name: str, *options: str) -> Path:
        out = tmp_path / name
        words = ["train", "--minutes", "0.002", "--key", str(private), "--out", str(out), *options]
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return out

    first = trained("first")
    then = trained("then", "--from", str(first), "--replay", f"{tmp_path / 'store'}=0.5")
    artifacts = [load_artifact(folder, trusted=[read_public_key(public)]) for folder in (first, then)]
    (_, before), (_, after) = (kept(artifact.model, "model.onnx") for artifact in artifacts)
    assert np.array_equal(before["context_mean"], after["context_mean"])  # what stays as it was
    assert not np.array_equal(before["mixture2"], after["mixture2"])
    assert np.abs(before["mixture2"] - after["mixture2"]).max() < 0.1
    told = " ".join(artifacts[1].manifest.sources)
    assert "experience, share 0.5: 6,400 events" in told
    assert f"parameters of artifact {artifacts[0].digest}" in told
