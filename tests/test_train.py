"""Training: the same seed gives the same parameters, also after a stop in between."""

from pathlib import Path

import numpy as np
import pytest

from export import train as training
from export.checkpoint import Checkpoint
from export.meta.parameters import SETTLED
from export.tasks.contexts import Layout
from export.train import Plan, Progress, train

pytestmark = pytest.mark.usefixtures("quick_compiler")

PLAN = Plan(steps=4, label_steps=2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Layout(groups=2, contexts=1, rows=16, columns=4, queries=4)
    monkeypatch.setattr(training, "LAYOUTS", (tiny,))
    monkeypatch.setattr(training, "LABEL_LAYOUTS", (tiny,))
    monkeypatch.setattr(training, "REPORT_STEPS", 2)


class Stopped(Exception):
    pass


def test_the_same_seed_gives_the_same_parameters_also_after_a_stop(tmp_path: Path) -> None:
    seen: list[Progress] = []
    whole = train(PLAN, [], Checkpoint(None, ""), seen.append)
    assert [(one.part, one.step) for one in seen] == [("zero-shot", 2), ("zero-shot", 4), ("labels", 2)]
    saved = 0

    def stop_at_the_second(_: Progress) -> None:
        nonlocal saved
        saved += 1
        if saved == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train(PLAN, [], Checkpoint(tmp_path, "run"), stop_at_the_second)
    resumed = train(PLAN, [], Checkpoint(tmp_path, "run"), lambda _: None)
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)
    assert all(np.isfinite(value).all() for value in whole.values())
    assert {name: whole[name] for name in SETTLED} == pytest.approx(SETTLED)
