"""What only categories use: sets of numbers don't see it, even where it changes."""

import numpy as np
import pytest

from export.contract import Outputs, open_model
from export.golden import draw_inputs
from export.meta.build import build
from export.meta.categories import used_by_categories, zero_without_categories
from export.meta.parameters import SIZES, Parameters, initial

ROUNDING = 2e-6


def _score(parameters: Parameters, *, categories: bool) -> Outputs:
    inputs = dict(draw_inputs(3, events=32, rows=16, peers=24, columns=5))
    assert inputs["category"].any()
    if not categories:
        inputs["category"] = np.zeros_like(inputs["category"])
    return open_model(build(parameters).SerializeToString())(inputs)


@pytest.fixture
def parameters() -> Parameters:
    """As if trained: the contexts' statistics have a mean, and every array is in use."""
    rng = np.random.default_rng(5)
    drawn = initial(SIZES["small"], 1)
    drawn = {
        name: value + rng.normal(0, 0.05, value.shape).astype(np.float32) for name, value in drawn.items()
    }
    drawn["context_spread"] = np.full_like(drawn["context_spread"], 0.5)
    return drawn


def test_taking_the_mean_away_changes_no_set_of_numbers(parameters: Parameters) -> None:
    before = _score(parameters, categories=False)
    assert before.difference(_score(zero_without_categories(parameters), categories=False)) < ROUNDING


def test_what_only_categories_use_changes_scores_with_categories_alone(parameters: Parameters) -> None:
    parameters = zero_without_categories(parameters)
    masks, rng = used_by_categories(parameters), np.random.default_rng(6)
    moved = parameters | {
        name: (parameters[name] + mask * rng.normal(size=mask.shape)).astype(np.float32)
        for name, mask in masks.items()
    }
    for categories in (False, True):
        difference = _score(parameters, categories=categories).difference(
            _score(moved, categories=categories)
        )
        assert (difference > 1e-3) == categories
        assert categories or difference < ROUNDING
