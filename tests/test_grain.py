"""How far values are from the next one, and how new they are, against plain numpy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from export.meta.grain import FLOOR, LENT, MISSING, Grain, gaps, grain
from export.meta.jax_ops import JaxOps

OPS = JaxOps({}, coded_columns=0)
WHOLE = st.lists(st.integers(-9, 9), min_size=8, max_size=8)


def _grain(rows: np.ndarray, prior: Grain | None = None, here: float = 1.0) -> Grain:
    """Of one column with these rows [M], at one standard deviation to a unit."""
    unit, count = np.ones((1, 1)), np.full((1, 1), len(rows), float)
    return grain(OPS, rows[None, None].astype(np.float32), unit, count, np.full((1, 1), here), prior)


def _gaps(query: float, rows: np.ndarray, known: Grain) -> np.ndarray:
    """[GAPS] of a query to these rows [M]."""
    apart = (rows - query)[None, None, None].astype(np.float32)
    alike = np.full((1, 1, 1), (rows == query).mean())
    count = np.full((1, 1), len(rows), float)
    return np.asarray(gaps(OPS, apart, alike, known, count, np.ones((1, 1, 1))))[0, 0, :, 0]


@settings(deadline=None)  # the first is compiled
@given(WHOLE)
def test_the_usual_gap_is_that_of_a_row_to_the_nearest_other(whole: list[int]) -> None:
    rows = np.array(whole, float)
    apart = np.abs(rows[:, None] - rows) + np.diag(np.full(len(rows), np.inf))
    logs = np.log(apart.min(1) * len(rows) + FLOOR)
    seen = _grain(rows)
    np.testing.assert_allclose(seen.usual, logs.sum() / (len(rows) + LENT), atol=1e-5)
    np.testing.assert_allclose(seen.tied, (apart.min(1) == 0).mean(), atol=1e-6)


def test_a_value_between_whole_numbers_is_strange_and_new() -> None:
    rows = np.repeat(np.arange(5.0), 4)
    between, among = (_gaps(query, rows, _grain(rows)) for query in (1.5, 2.0))
    assert (between > among).all()
    np.testing.assert_allclose(among, 0, atol=1e-6)


def test_where_no_two_rows_agree_a_new_value_is_ordinary() -> None:
    fine, coarse = np.random.default_rng(1).uniform(0, 5, 64), np.repeat(np.arange(16.0) / 3, 4)
    usual, fresh = (
        np.array([_gaps(query, rows, _grain(rows)) for query in (1.234, 2.345, 3.456)])
        for rows in (fine, coarse)
    )
    assert usual[:, 1:].max() < fresh[:, 1:].min()


def test_rows_that_do_not_count_are_nobodys_neighbour() -> None:
    rows = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(
        _grain(np.append(rows, MISSING)).usual * (3 + LENT),
        np.log(np.array([1, 1, 2]) * 4 + FLOOR).sum(),
        rtol=1e-5,
    )


def test_a_window_takes_the_peers_grain_where_there_are_peers() -> None:
    peers, window = np.repeat(np.arange(5.0), 4), np.array([0.3, 0.9])
    shared = _grain(peers)
    lent, own = _grain(window, shared), _grain(window, _grain(peers, here=0.0))
    assert (lent.usual, lent.tied) == (shared.usual, shared.tied)
    assert own.usual == _grain(window).usual != shared.usual
