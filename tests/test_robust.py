"""The robust centre and scale, against the same steps in plain numpy, and more of them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.meta.jax_ops import JaxOps
from export.meta.robust import STEPS, robust_scale

OPS = JaxOps({}, coded_columns=0)
Place = tuple[np.ndarray, np.ndarray]


def _ours(rows: np.ndarray) -> Place:
    """Centre and scale [N] of rows [N, M]."""
    value = rows[:, None].astype(np.float32)
    keep, present = np.ones(rows.shape, np.float32), np.full((len(rows), 1), rows.shape[1], np.float32)
    centre, _, scale = robust_scale(OPS, value, np.ones_like(value), keep, present)
    return np.asarray(centre)[:, 0], np.asarray(scale)[:, 0]


def _stepped(rows: np.ndarray, further: int) -> Place:
    """The same of STEPS alone, and of the last one so many times more."""
    centre = rows.mean(1)
    width = np.abs(rows - centre[:, None]).mean(1)
    for reach, least in (*STEPS, *STEPS[-1:] * further):
        width = width * reach
        u = (rows - centre[:, None]) / width[:, None]
        say = np.clip(1 - u * u / 4, 0, None) ** 2
        shift = (say * u).sum(1) / say.sum(1)
        centre = centre + shift * width
        width = width * np.sqrt((say * u * u).sum(1) / say.sum(1) - shift**2 + least)
    return centre, width


@pytest.mark.parametrize(
    "draw", [lambda rng: rng.lognormal(0, 0.5, (200, 64)), lambda rng: rng.standard_t(3, (200, 64))]
)
def test_the_last_step_taken_twice_is_worth_more_steps(
    draw: Callable[[np.random.Generator], np.ndarray],
) -> None:
    """Beside windows of one kind: what is common to their scales tells no window from another."""
    rows = draw(np.random.default_rng(3))
    further = _stepped(rows, 3)[1]

    def spread(scale: np.ndarray) -> float:
        return float(np.log(scale / further).std())

    assert spread(_ours(rows)[1]) < 0.6 * spread(_stepped(rows, 0)[1])


def test_where_few_rows_are_far_away_the_centre_comes_nearer_to_the_others() -> None:
    rows = np.random.default_rng(3).lognormal(0, 0.5, (200, 64))
    rows[:, :8] *= 5
    limit, ours, plain = (place[0] for place in (_stepped(rows, 3), _ours(rows), _stepped(rows, 0)))
    assert np.abs(ours - limit).mean() < 0.4 * np.abs(plain - limit).mean()


def test_rows_far_away_have_hardly_a_say() -> None:
    rows = np.random.default_rng(3).normal(size=(200, 60))
    centre, scale = _ours(rows)
    moved, wider = _ours(np.concatenate([rows, np.full((len(rows), 4), 9.0)], 1))
    assert (np.abs(moved - centre) < 0.2 * scale).all()
    assert (wider < 1.3 * scale).all()


@settings(deadline=None)  # the first is compiled
@given(st.floats(-50, 50), st.floats(0.01, 100))
def test_centre_and_scale_move_with_the_values(shift: float, stretch: float) -> None:
    rows = np.random.default_rng(3).normal(size=(4, 64))
    centre, scale = _ours(rows)
    moved, stretched = _ours(rows * stretch + shift)
    rounding = 1e-4 * (stretch + abs(shift))
    np.testing.assert_allclose(stretched, scale * stretch, atol=rounding)
    np.testing.assert_allclose(moved, centre * stretch + shift, atol=rounding)
