"""`onsight-export evaluate` and `explain` as somebody at a terminal sees them."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result

from export.cli import cli
from stream.artifact import BASELINE, shipped
from stream.errors import InputError

KNN = str(shipped(BASELINE))


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)), env={"COLUMNS": "80"})


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A folder with one set, whose anomalies are plain to see."""
    rng = np.random.default_rng(5)
    test, labels = rng.normal(size=(60, 3)), np.arange(60) >= 40
    test[labels] += 6
    folder = tmp_path / "sets"
    folder.mkdir()
    np.savez(folder / "plain.npz", train=rng.normal(size=(200, 3)), test=test, test_labels=labels)
    np.savez(folder / "none.npz", train=test, test=test, test_labels=np.zeros(60))
    return folder


def test_the_tables_fit_a_terminal_and_the_picture_s_folder_is_made(sets: Path, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "picture.png"
    words = ("evaluate", KNN, "--data", sets, "--rows", "64, 128", "--labels", "1", "--picture", picture)
    told = run(*words)
    assert told.exit_code == 0, told.output
    assert "…" not in told.stdout and max(map(len, told.stdout.splitlines())) <= 80
    for part in ("rows 64", "rows 128", "labels 1", "isolation_forest", "d_auroc", "forest"):
        assert part in told.stdout
    assert picture.stat().st_size > 1000
    found = orjson.loads(run(*words[:-2], "--json").stdout)
    assert found["rows 64"]["knn"]["auroc"] > 0.95
    assert found["rows 64"]["onsight"]["wins"] == 0.5


@pytest.mark.parametrize(("option", "given"), [("--rows", "64,many"), ("--rows", "1"), ("--labels", "-1")])
def test_numbers_that_are_none_are_refused(sets: Path, option: str, given: str) -> None:
    refused = run("evaluate", KNN, "--data", sets, option, given)
    assert refused.exit_code == 2
    assert "expected whole numbers from" in refused.output


def test_a_set_without_anomalies_explains_nothing(sets: Path) -> None:
    told = run("explain", KNN, "--data", sets / "plain.npz", "--events", 2)
    assert told.exit_code == 0 and "rank correlation" in told.output
    refused = run("explain", KNN, "--data", sets / "none.npz")
    assert isinstance(refused.exception, InputError) and "nothing to explain" in str(refused.exception)
