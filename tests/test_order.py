"""Labelled peers come out in one order, whatever the order, the units and the columns' order they came in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from export.contract import open_model
from export.golden import draw_inputs
from export.meta.build import build
from export.meta.columns import columns
from export.meta.jax_ops import JaxOps
from export.meta.order import in_own_order
from export.meta.parameters import SIZES, initial

OPS = JaxOps({}, coded_columns=0)
ROWS, COLUMNS = 12, 3
SEEDS = st.integers(0, 1 << 32)


def _peers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [F, M] of which some lack a value, but not the first, mask and label [M]; the last two don't count."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(COLUMNS, ROWS)).astype(np.float32)
    rows[1:][rng.random((COLUMNS - 1, ROWS)) < 0.1] = np.nan
    mask = (np.arange(ROWS) < ROWS - 2).astype(np.float32)
    return rows, mask, rng.integers(-1, 2, ROWS) * mask


def _ordered(rows: np.ndarray, mask: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, ...]:
    number, one = np.zeros((1, len(rows)), np.float32), np.ones((1, len(rows)), np.float32)
    parts = in_own_order(OPS, rows[None], mask[None], label[None], columns(OPS, number, number, one))
    return tuple(np.asarray(part)[0] for part in parts)


@settings(deadline=None)  # the first is compiled
@given(SEEDS, SEEDS)
def test_rows_that_came_in_another_order_come_out_in_the_same(seed: int, other: int) -> None:
    rows, mask, label = _peers(seed)
    turn = np.random.default_rng(other).permutation(ROWS)
    _same(_ordered(rows, mask, label), _ordered(rows[:, turn], mask[turn], label[turn]))


@settings(deadline=None)
@given(SEEDS, SEEDS)
def test_units_make_no_difference(seed: int, other: int) -> None:
    rows, mask, label = _peers(seed)
    unit = 2.0 ** np.random.default_rng(other).integers(-9, 9, (COLUMNS, 1))
    ordered, *rest = _ordered(rows, mask, label)
    _same((ordered * unit, *rest), _ordered(rows * unit, mask, label))


def test_the_order_of_columns_makes_none_where_no_two_rows_have_the_same_sum() -> None:
    rows, mask, label = _peers(2)
    turn = [2, 0, 1]
    ordered, *rest = _ordered(rows, mask, label)
    _same((ordered[turn], *rest), _ordered(rows[turn], mask, label))


def test_labelled_peers_that_exchange_places_change_no_bit_of_the_graph() -> None:
    model = open_model(build(initial(SIZES["small"], 1)).SerializeToString())
    plain = dict(draw_inputs(3, events=16, rows=8, peers=24, columns=5, missing=0.05))
    assert plain["peers_label"].any()
    turn = np.random.default_rng(4).permutation(24)
    turned = plain | {name: plain[name][turn] for name in ("peers", "peers_mask", "peers_label")}
    assert model(plain).difference(model(turned)) == 0


def _same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> None:
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left[..., : ROWS - 2], right[..., : ROWS - 2])
