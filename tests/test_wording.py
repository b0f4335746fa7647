"""Numbers as people write them."""

import pytest

from stream.wording import clock, duration, number, times


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [
        (1250.0, False, "1,250.00"),
        (0.01234, False, "0.0123"),
        (0.0, False, "0.00"),
        (-3.0, False, "-3.00"),
        (1250.0, True, "1,250"),
        (2.5, True, "2.5"),
        (1.99999, True, "2"),
        (2e20, False, "2e+20"),
        (float("nan"), False, "missing"),
    ],
)
def test_number(value: float, whole: bool, expected: str) -> None:
    assert number(value, whole) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.25, "0.25 s"), (12, "12 s"), (90, "90 s"), (2100, "35 min"), (18_000, "5 h"), (259_200, "3 days")],
)
def test_duration(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_clock_and_times() -> None:
    assert clock(3.2 * 3600) == "03:12"
    assert clock(86_399.9) == "00:00"
    assert [times(ratio) for ratio in (9.12, 9.97, 1234.5, 3e7)] == ["9.1", "10", "1,234", "3e+07"]
