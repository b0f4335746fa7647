"""The token bucket: at once half a day's alerts, then a day's alerts a day, whatever the clocks say."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.budget import Budget
from stream.days import DAY, HOUR
from stream.errors import StateError


def spent(per_day: float, times: list[float]) -> np.ndarray:
    budget = Budget(per_day)
    return np.array([time for time in times if budget.take(time)])


@settings(deadline=None)
@given(st.floats(0.1, 100), st.lists(st.floats(0, 3600 * 12), min_size=1, max_size=300))
def test_no_day_and_no_month_overruns(per_day: float, gaps: list[float]) -> None:
    taken = spent(per_day, list(accumulate(gaps)))
    capacity = max(1.0, per_day / 2)
    for start in taken:
        assert np.count_nonzero((taken >= start) & (taken < start + DAY)) <= per_day + capacity + 1e-6
    assert len(taken) <= capacity + per_day * sum(gaps) / DAY + 1e-6


@pytest.mark.parametrize(("per_day", "days"), [(0.25, 40), (12.5, 4), (1000, 1)])
def test_a_flood_gets_half_a_day_at_once_and_the_average_after(per_day: float, days: int) -> None:
    taken = spent(per_day, [float(second) for second in range(0, days * 86_400, 20)])
    assert np.count_nonzero(taken < 60) == pytest.approx(min(3, max(1, per_day / 2)))
    assert len(taken) == pytest.approx(max(1, per_day / 2) + per_day * days, abs=2)


def test_late_events_do_not_fill_the_bucket() -> None:
    budget = Budget(2.0)
    assert [budget.take(time) for time in (1000.0, 0.0, 999.0, 1000.0)] == [True, False, False, False]


def test_a_clock_far_ahead_gives_one_filling_and_no_standstill() -> None:
    budget = Budget(2.0)
    assert [budget.take(time) for time in (0.0, 100 * DAY, 10.0, 10.0 + DAY / 2)] == [True, True, False, True]


def test_the_use_is_that_of_the_last_day() -> None:
    budget = Budget(10)
    assert budget.use(0.0) == 0.0
    for hour in range(4):
        assert budget.take(hour * HOUR)
    assert budget.use(0.0) == 0.4, "what is late is of no other day"
    assert budget.use(DAY + HOUR) == 0.2, "also where nothing more is asked for"
    assert budget.take(DAY + HOUR)
    assert budget.use(DAY + HOUR) == 0.3
    assert budget.use(3 * DAY) == 0.0


@settings(deadline=None)
@given(st.floats(1, 100), st.lists(st.floats(-2 * DAY, 2 * DAY), max_size=80), st.floats(0, 2 * DAY))
def test_the_use_counts_what_was_spent_in_24_hours_of_the_clock(
    per_day: float, steps: list[float], later: float
) -> None:
    budget, clock, spent = Budget(per_day), -np.inf, list[float]()
    for time in accumulate(steps, initial=1.7e9):
        if time < clock - DAY:
            spent.clear()
        clock = time if time < clock - DAY else max(clock, time)
        if budget.take(time):
            spent.append(clock)
    now = clock + later
    expected = sum(time // HOUR > now // HOUR - 24 for time in spent)
    assert budget.use(now) == pytest.approx(expected / per_day)


@settings(deadline=None)
@given(st.floats(0.1, 100), st.lists(st.floats(-2 * DAY, 2 * DAY), max_size=40), st.integers(0, 40))
def test_a_restored_budget_goes_on_as_if_nothing_happened(
    per_day: float, steps: list[float], crash: int
) -> None:
    whole, budget = Budget(per_day), Budget(per_day)
    for number, time in enumerate(accumulate(steps, initial=1.7e9)):
        if number == crash:
            value = budget.pack()
            budget = Budget(per_day)
            budget.restore(value)
        assert budget.take(time) == whole.take(time)
        assert budget.use(time) == whole.use(time)


def test_a_budget_of_another_version_is_refused() -> None:
    with pytest.raises(StateError, match="the alert budget in the changelog has version 09"):
        Budget(1.0).restore(b"\x09" + bytes(200))
