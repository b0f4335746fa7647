"""Counting values by size."""

import math

from hypothesis import given
from hypothesis import strategies as st

from stream.job.histogram import Histogram


@given(st.lists(st.floats(0, 10)))
def test_a_bound_counts_what_is_at_or_under_it(values: list[float]) -> None:
    histogram = Histogram((1, 2.5, 5))
    for value in values:
        histogram.add(value)
    expected = [
        (text, sum(value <= float(text) for value in values)) for text in ("1.0", "2.5", "5.0", "+Inf")
    ]
    assert histogram.cumulative() == expected
    assert math.isclose(histogram.sum, sum(values))
