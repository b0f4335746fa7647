"""Calming: what an alert is worth beside judged ones like it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.calm import PRIOR, precision
from stream.context import Peers

SAMPLE = Peers(
    np.stack([np.arange(21), np.full(21, 3)], 1).astype(np.float32), np.ones(21, np.float32), np.zeros(21)
)
ON_FIRST = np.array([[1.0, 0.0]], np.float32)
EVEN = np.array([[0.5, 0.5]], np.float32)
CATEGORY = np.array([0, 1], np.float32)


def judged(*rows: tuple[float, float, int]) -> Peers:
    """Labelled rows, and one place that is empty."""
    table = np.array([*rows, (0, 0, 0)], np.float32)
    mask = np.append(np.ones(len(rows)), 0).astype(np.float32)
    return Peers(table[:, :2], mask, table[:, 2])


def worth(value: float, code: float, others: Peers, attribution: np.ndarray = ON_FIRST) -> float:
    row = np.array([[value, code]], np.float32)
    return float(precision(row, attribution, SAMPLE, others, CATEGORY)[0])


def test_like_a_dismissed_one_is_worth_little_and_more_of_them_less() -> None:
    once = worth(100, 3, judged((100, 3, -1)))
    assert once == PRIOR / (PRIOR + 1)
    assert worth(100, 3, judged((100, 3, -1), (100, 3, -1))) < once
    assert worth(100, 3, judged((100, 3, -1), (100, 3, 1))) > 0.5
    assert worth(100, 3, judged((100, 3, 1))) == 1.0
    assert worth(1000, 3, judged((100, 3, -1))) == 1.0


def test_only_what_makes_it_strange_must_be_alike() -> None:
    assert worth(100, 8, judged((100, 3, -1))) == PRIOR / (PRIOR + 1)
    assert worth(100, 8, judged((100, 3, -1)), EVEN) == 1.0
    assert worth(100, 3, judged((100, 3, -1)), EVEN) == PRIOR / (PRIOR + 1)
    assert worth(np.nan, 3, judged((100, 3, -1))) == 1.0
    assert worth(np.nan, 3, judged((np.nan, 3, -1))) == PRIOR / (PRIOR + 1)


@given(st.floats(20, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_farther_than_a_dismissed_one_is_never_calmer(at: float, one: float, other: float) -> None:
    near, far = sorted([one, other])
    assert worth(at + near, 3, judged((at, 3, -1))) <= worth(at + far, 3, judged((at, 3, -1))) + 1e-9


@given(st.floats(-100, 100), st.floats(0.01, 100), st.floats(0, 200))
def test_scale_and_shift_change_nothing(shift: float, scale: float, value: float) -> None:
    there = judged((100, 3, -1))
    moved = Peers(there.rows * [scale, 1] + [shift, 0], there.mask, there.label)
    sample = Peers(SAMPLE.rows * [scale, 1] + [shift, 0], SAMPLE.mask, SAMPLE.label)
    row = np.array([[value, 3]]) * [scale, 1] + [shift, 0]
    found = precision(row, ON_FIRST, sample, moved, CATEGORY)[0]
    wanted = precision(np.array([[value, 3]]), ON_FIRST, SAMPLE, there, CATEGORY)[0]
    assert np.isclose(found, wanted, atol=1e-3)


def test_without_peers_only_the_same_is_alike() -> None:
    nobody = Peers(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))
    for value, expected in ((100.0, PRIOR / (PRIOR + 1)), (101.0, 1.0)):
        row = np.array([[value, 3]], np.float32)
        assert precision(row, ON_FIRST, nobody, judged((100, 3, -1)), CATEGORY)[0] == expected
