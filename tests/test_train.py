"""Training: the same seed gives the same parameters, also after a stop in between."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import progress as telling
from export import train as training
from export.checkpoint import Checkpoint
from export.development import Ahead
from export.meta.categories import used_by_categories
from export.meta.parameters import SETTLED, Parameters
from export.progress import Progress
from export.tasks.contexts import Layout
from export.train import Plan, train

pytestmark = pytest.mark.usefixtures("quick_compiler")

PLAN = Plan(steps=4, category_steps=2, label_steps=2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Layout(groups=2, contexts=1, rows=16, columns=4, queries=4)
    monkeypatch.setattr(training, "LAYOUTS", (tiny,))
    monkeypatch.setattr(training, "LABEL_LAYOUTS", (tiny,))
    monkeypatch.setattr(telling, "REPORT_STEPS", 2)


class Stopped(Exception):
    pass


def test_the_same_seed_gives_the_same_parameters_also_after_a_stop(tmp_path: Path) -> None:
    seen: list[Progress] = []
    whole = train(PLAN, [], Checkpoint(None, ""), seen.append)
    parts = [(one.part, one.step) for one in seen]
    assert parts == [("zero-shot", 2), ("zero-shot", 4), ("categories", 2), ("labels", 2)]
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


def test_the_average_is_validated_now_and_then_but_not_while_labels_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "VALIDATION_STEPS", 4)
    seen: list[Progress] = []
    measured: list[Parameters] = []

    def validate(parameters: Parameters) -> Ahead:
        measured.append(parameters)
        return Ahead(len(measured) / 10, 0.5)

    plan = replace(PLAN, steps=6)
    whole = train(plan, [], Checkpoint(None, ""), seen.append, validate=validate)
    figures = [(one.step, one.ahead_auroc, one.ahead_ap10) for one in seen if not np.isnan(one.ahead_auroc)]
    assert figures == [(4, 0.1, 0.5), (6, 0.2, 0.5)]
    assert {one.part for one in seen if not np.isnan(one.ahead_auroc)} == {"zero-shot"}
    assert np.array_equal(measured[-1]["choose"], whole["choose"])


def test_the_part_of_categories_moves_what_only_they_use() -> None:
    without, with_part = (
        train(replace(PLAN, category_steps=steps, label_steps=0), [], Checkpoint(None, ""), lambda _: None)
        for steps in (0, 2)
    )
    masks = used_by_categories(without)
    moved = {name: with_part[name] != value for name, value in without.items()}
    assert {name for name, where in moved.items() if where.any()} == masks.keys()
    assert not any((moved[name] & (mask == 0)).any() for name, mask in masks.items())
