"""How far a partition is behind, and whether it moves."""

from hypothesis import given
from hypothesis import strategies as st

from stream.job.lag import Lag, Lags, Place

TP = ("events", 3)


def test_a_partition_that_is_up_to_date_has_no_lag() -> None:
    lag = Lag()
    lag.look(Place(end=10, handled=10, latest=50.0, moves=1), now=1000.0, steady=5.0)
    assert (lag.events, lag.seconds, lag.moved_at) == (0, 0.0, 5.0)


def test_events_are_late_by_the_last_one_handled() -> None:
    lag = Lag()
    lag.look(Place(end=10, handled=4, latest=950.0, moves=1), now=1000.0, steady=5.0)
    assert (lag.events, lag.seconds) == (6, 50.0)


def test_a_quiet_hour_is_no_lag() -> None:
    lag = Lag()
    lag.look(Place(end=10, handled=10, latest=950.0, moves=1), now=4000.0, steady=5.0)
    lag.look(Place(end=11, handled=10, latest=950.0, moves=1), now=4002.0, steady=7.0)
    assert (lag.events, lag.seconds) == (1, 2.0)


def test_how_late_is_not_known_before_the_first_event() -> None:
    lag = Lag()
    lag.look(Place(end=10, handled=0, latest=None, moves=1), now=1000.0, steady=5.0)
    assert (lag.events, lag.seconds) == (10, None)


def test_a_broker_that_does_not_answer_leaves_the_lag_as_it_was() -> None:
    lags = Lags()
    lags.look({TP: Place(end=10, handled=4, latest=None, moves=1)}, 1000.0, 0.0)
    lags.look({TP: Place(end=None, handled=0, latest=None, moves=1)}, 1060.0, 60.0)
    assert lags.partitions[TP].events == 6
    assert lags.stuck(60.0, 60.0) == [
        "partition 3 of topic events is 6 events behind and has not moved for 60 s"
    ]


def test_a_partition_that_went_away_is_forgotten() -> None:
    lags = Lags()
    lags.look({TP: Place(end=10, handled=4, latest=None, moves=1)}, 0.0, 0.0)
    lags.look({}, 100.0, 100.0)
    assert lags.stuck(1000.0, 1.0) == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_only_what_is_behind_and_does_not_move_is_stuck(looks: list[tuple[int, int, int]]) -> None:
    lags, moved, last = Lags(), 0.0, None
    for steady, (end, handled, moves) in enumerate(looks):
        lags.look({TP: Place(end, handled, None, moves)}, 0.0, float(steady))
        if end <= handled or moves != last:
            moved, last = float(steady), moves
        assert bool(lags.stuck(float(steady), 3.0)) == (end > handled and steady - moved >= 3.0)
