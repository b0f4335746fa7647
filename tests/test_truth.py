"""Which planted frauds count as caught, and how a method's alerts are chosen."""

import numpy as np

from stream.sandbox.cards import simulate
from stream.sandbox.truth import NOWHERE, Case, Outcome, cases, fold


def outcome(size: int, alerts: list[int], into: dict[int, int] | None = None) -> Outcome:
    alert, folded = np.zeros(size, bool), np.full(size, NOWHERE)
    alert[alerts] = True
    for event, other in (into or {}).items():
        folded[event] = other
    return Outcome(alert, folded)


CASE = Case("stolen card", np.array([4, 6, 8]))


def test_a_case_is_caught_by_an_alert_on_one_of_its_events() -> None:
    assert outcome(10, [6]).catches(CASE)
    assert not outcome(10, [5]).catches(CASE)


def test_a_case_is_caught_when_folded_into_an_alert_given_since_it_began() -> None:
    assert outcome(10, [5], {6: 5}).catches(CASE)
    assert not outcome(10, [3], {6: 3}).catches(CASE)


def test_alerts_that_belong_to_a_case_are_true() -> None:
    assert outcome(10, [0, 4, 6]).true_alerts([CASE]) == 2
    assert outcome(10, [0, 5], {6: 5}).true_alerts([CASE]) == 1
    assert outcome(10, [3], {6: 3}).true_alerts([CASE]) == 0


def test_cases_hold_every_planted_event_once() -> None:
    stream = simulate(200, 60, 30, seed=1, fraud_rate=0.05)
    planted = cases(stream)
    events = np.sort(np.concatenate([case.events for case in planted]))
    np.testing.assert_array_equal(events, np.flatnonzero(stream.fraud))
    for case in planted:
        assert len(set(stream.purchases["card"][case.events].tolist())) == 1


def test_folding_spends_no_alert_and_stops_at_the_budget() -> None:
    card = np.array([1, 1, 2, 3, 1])
    time = np.array([0.0, 50.0, 60.0, 70.0, 500.0])
    found = fold(np.array([1, 0, 2, 4, 3]), card, time, alerts=3, suppress=100.0)
    assert found.alert.tolist() == [False, True, True, False, True]
    assert found.into.tolist() == [1, NOWHERE, NOWHERE, NOWHERE, NOWHERE]
