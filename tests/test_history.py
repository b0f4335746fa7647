"""The curves of a training: kept over stops, drawn however it ends, and told where there is no terminal."""

from pathlib import Path

import pytest

from export.commands.history import history_of
from export.progress import Progress
from export.train import Plan

PLAN = Plan(steps=400, category_steps=0, label_steps=200)
FIRST, SECOND = (
    Progress("zero-shot", 200, 400, 0.5, 0.6),
    Progress("zero-shot", 400, 400, 0.4, float("nan"), 0.04, 0.05),
)
LAST = Progress("labels", 200, 200, 0.3, 0.7)


def test_what_was_before_a_stop_is_in_the_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt), history_of(PLAN, folder) as history:
        history.add(FIRST)
        raise KeyboardInterrupt
    assert (folder / "curves.png").stat().st_size > 1000
    assert "step 200 of 400: zero-shot  loss 0.5000  (kNN 0.6000)" in capsys.readouterr().err
    with history_of(PLAN, folder) as history:
        for entry in (FIRST, SECOND, LAST):
            history.add(entry)
    head, *lines = (folder / "curves.csv").read_text().splitlines()
    assert head == "part,step,steps,loss,against,ahead_auroc,ahead_ap10"
    assert lines == [
        "zero-shot,200,400,0.5,0.6,nan,nan",
        "zero-shot,400,400,0.4,nan,0.04,0.05",
        "labels,200,200,0.3,0.7,nan,nan",
    ]
    told = capsys.readouterr().err
    assert "development: AUROC +0.0400, AP +0.0500 above kNN" in told


def test_a_run_that_ends_before_its_first_report_leaves_nothing(tmp_path: Path) -> None:
    with history_of(PLAN, tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()
