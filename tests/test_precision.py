"""Precision by the verdicts on alerts: the last on each counts, on the day on which it was given."""

from stream.alerts import Source
from stream.days import DAY, day_of
from stream.known_verdicts import Heard
from stream.precision import Precision
from stream.verdict import Outcome, Verdict


def hear(precision: Precision, offset: int, verdict: Outcome, at: float, name: str = "alert") -> None:
    source = Source("t", 0)
    precision.hear(Heard(0, 0, Verdict(name, "c", verdict, "ann", at, source, offset)))


def test_the_last_verdict_on_an_alert_counts() -> None:
    precision = Precision()
    assert precision.since(0.0) is None
    hear(precision, 1, "confirmed", 10.0)
    hear(precision, 1, "dismissed", 30.0)
    hear(precision, 1, "confirmed", 20.0)
    assert precision.since(0.0) == 0.0
    hear(precision, 2, "confirmed", DAY + 1)
    assert precision.since(0.0) == 0.5
    assert precision.since(DAY) == 1.0
    assert precision.by_day() == {
        "1970-01-01": {"dismissed": 1},
        "1970-01-02": {"confirmed": 1},
    }
    assert day_of(DAY * 31) == "1970-02-01"


def test_verdicts_on_events_that_nobody_was_told_of_say_nothing() -> None:
    precision = Precision()
    hear(precision, 5, "confirmed", 10.0, name="t/0/5")
    assert precision.since(0.0) is None


def test_only_the_newest_are_kept() -> None:
    precision = Precision(most=2)
    for offset in range(3):
        hear(precision, offset, "confirmed" if offset else "dismissed", 1.0)
    assert precision.since(0.0) == 1.0
