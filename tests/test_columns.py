"""Columns go value by value: what the decoder's recovery from bad events stands on."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.columns import (
    MAX_CODES,
    Codes,
    category_code,
    code_column,
    entity_column,
    number_column,
    time_column,
)

VALUES = st.lists(
    st.sampled_from(
        [None, "", "a", "17", 17, 17.0, -0.0, 0, 1, True, False, 1e39, math.nan, math.inf, [], {}]
    )
    | st.text(max_size=5)
    | st.integers(-(10**25), 10**25)
    | st.integers(0, 10**9)
    | st.floats()
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.characters(categories=["Cs"]),
    max_size=6,
)
COLUMNS: list[Callable[[Any], Any]] = [
    entity_column,
    number_column,
    partial(code_column, codes=Codes()),
    *(partial(time_column, unit=unit) for unit in ("s", "ms", "us", "ns", "iso")),
]


@pytest.mark.parametrize("column", COLUMNS)
@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_a_column_is_what_its_values_are_alone(column: Callable[[Any], Any], values: list[Any]) -> None:
    alone = [column([value]) for value in values]
    whole = column(values)
    if any(one is None for one in alone):
        assert whole is None
    else:
        assert np.array_equal(
            np.array(whole), np.array([one[0] for one in alone]), equal_nan=_is_float(whole)
        )


def _is_float(column: Any) -> bool:
    return isinstance(column, np.ndarray)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), st.sampled_from(["i8", "f8", "i4"]))
def test_an_array_is_the_column_that_its_list_is(values: list[int], dtype: str) -> None:
    array = np.array(values, dtype)
    for column in COLUMNS:
        whole, listed = column(array), column(array.tolist())
        assert (whole is None) == (listed is None)
        assert whole is None or np.array_equal(np.array(whole), np.array(listed), equal_nan=_is_float(whole))


@given(st.text() | st.integers() | st.floats(allow_nan=False))
def test_a_code_is_stable_and_exact_in_float32(value: str | int | float) -> None:
    code = category_code(value)
    assert 0 <= code < 2**24
    assert float(np.float32(code)) == code == category_code(value) == Codes()[value]


def test_codes_are_fixed_for_ever() -> None:
    """State outlives versions: a changed hash would make every known value new."""
    codes = [category_code(value) for value in ("FR", 5411, "5411", 5411.0, 0.5)]
    assert codes == [10_472_100, 5_283_147, 5_283_147, 5_283_147, 10_416_525]


def test_the_memory_of_codes_is_bounded() -> None:
    codes = Codes()
    code_column(list(range(MAX_CODES + 10)), codes)
    code_column(["x" * 1000], codes)
    assert len(codes) == 10
