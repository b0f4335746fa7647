"""The demo's rivals: their distances against a plain loop."""

import numpy as np
import pytest

from stream.context import Context
from stream.sandbox.rivals import NEIGHBOURS, all_neighbours, own_neighbours

CATEGORY = np.array([0, 1], np.float32)


def context(window: np.ndarray, count: int) -> Context:
    """One event's window [R, F] whose last `count` rows are there."""
    mask = np.zeros((1, len(window)), np.float32)
    mask[0, len(window) - count :] = 1
    return Context(window[None], mask, np.zeros_like(mask))


@pytest.mark.parametrize("count", [0, NEIGHBOURS - 1, NEIGHBOURS, 12])
def test_own_neighbours_are_those_of_a_plain_loop(count: int) -> None:
    rng = np.random.default_rng(count)
    window = np.stack([rng.normal(0, 3, 12), rng.integers(0, 2, 12)], axis=1).astype(np.float32)
    row = np.array([[4.0, 1.0]], np.float32)
    there = window[12 - count :]
    expected = 0.0
    if count >= NEIGHBOURS:
        apart = ((there[:, 0] - 4.0) / there[:, 0].std()) ** 2 + (there[:, 1] != 1.0)
        expected = np.sqrt(np.sort(apart)[NEIGHBOURS - 1])
    found = own_neighbours(row, context(window, count), CATEGORY)
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_a_missing_category_equals_a_missing_one() -> None:
    window = np.array([[1.0, np.nan]] * NEIGHBOURS, np.float32)
    same, other = (np.array([[1.0, value]], np.float32) for value in (np.nan, 7.0))
    assert own_neighbours(same, context(window, NEIGHBOURS), CATEGORY) == 0.0
    assert own_neighbours(other, context(window, NEIGHBOURS), CATEGORY) == 1.0


def test_all_neighbours_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    rows = np.stack([rng.normal(0, 3, 700), rng.integers(0, 3, 700)], axis=1).astype(np.float32)
    past = 50
    found = all_neighbours(rows, CATEGORY, past, np.random.default_rng(0))
    first = rows[:past]
    mean, spread = first[:, 0].mean(), first[:, 0].std()
    for event in (0, 511, 512, 699):
        apart = ((rows[event, 0] - first[:, 0]) / spread) ** 2 + (rows[event, 1] != first[:, 1])
        assert found[event] == pytest.approx(np.sort(apart)[NEIGHBOURS - 1], abs=1e-4), mean


def test_all_neighbours_see_nothing_but_the_past() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(300, 2)).astype(np.float32)
    changed = rows.copy()
    changed[200:] *= 9
    one, other = (all_neighbours(each, CATEGORY, 100, np.random.default_rng(0)) for each in (rows, changed))
    np.testing.assert_array_equal(one[:200], other[:200])
