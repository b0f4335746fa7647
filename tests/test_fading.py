"""What verdicts on one value still count: they fade, few are faint, and so is a series that went on for too long."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.fading import FAINT, Fading

moments = st.lists(st.integers(0, 400).map(float), max_size=12)


def test_a_verdict_fades_evenly() -> None:
    fading = Fading(100.0)
    assert [fading.sum([50.0], now) for now in (50.0, 75.0, 150.0, 151.0)] == [1.0, 0.75, 0.0, 0.0]
    assert fading.sum([50.0], 20.0) == 1.0, "one that was given after the event is fresh"
    assert fading.sum([], 20.0) == 0.0


def test_few_verdicts_are_faint() -> None:
    fading = Fading(50.0, least=2)
    assert fading.sum([100.0], 100.0) == FAINT
    assert fading.sum([100.0, 100.0], 100.0) == 2.0
    assert fading.sum([10.0, 100.0], 100.0) == FAINT, "what has faded is no second one"


def test_a_series_is_faint_when_it_has_lasted() -> None:
    fading = Fading(10.0, lasts=20.0)
    series = [0.0, 8.0, 16.0, 24.0]
    assert fading.sum(series[:3], 20.0) == pytest.approx(0.6)
    assert fading.sum(series, 24.0) == pytest.approx(FAINT * 1.2)
    assert fading.sum(series, 33.0) == pytest.approx(FAINT * 0.1)
    assert fading.sum([*series, 50.0], 50.0) == 1.0, "after a pause another one begins"
    assert fading.sum([0.0, 10.0, 24.0], 24.0) == 1.0, "a pause as long as verdicts count ends it"


def test_few_verdicts_of_a_series_that_is_over_are_fainter() -> None:
    assert Fading(10.0, least=3, lasts=5.0).sum([0.0, 8.0], 8.0) == pytest.approx(FAINT * FAINT * 1.2)


@given(moments, st.integers(0, 500), st.integers(1, 4), st.integers(1, 200), st.randoms())
def test_the_order_of_verdicts_says_nothing(
    at: list[float], now: int, least: int, lasts: int, random: Random
) -> None:
    fading, mixed = Fading(30.0, least, float(lasts)), list(at)
    random.shuffle(mixed)
    assert fading.sum(mixed, float(now)) == pytest.approx(fading.sum(at, float(now)))
    assert fading.count(mixed, float(now)) == fading.count(at, float(now))


@given(moments, st.integers(0, 500), st.integers(1, 4), st.integers(1, 200))
def test_what_is_asked_for_only_takes_away(at: list[float], now: int, least: int, lasts: int) -> None:
    plain, asked = Fading(30.0).sum(at, float(now)), Fading(30.0, least, float(lasts)).sum(at, float(now))
    assert plain * FAINT**2 <= asked + 1e-9 <= plain + 2e-9
    assert (asked > 0) == (plain > 0)
