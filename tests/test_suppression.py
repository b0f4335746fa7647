"""Episodes: what folds, what breaks through, what is remembered, and for how long."""

import struct

import pytest

from stream.days import DAY
from stream.errors import StateError
from stream.suppression import Episode, Related, Suppression

NONE = Related(0, None)


def test_only_repeats_within_the_window_and_not_worse_fold() -> None:
    suppression = Suppression(100)
    assert not suppression.folds("a", 0, 1)
    assert suppression.open("a", 0, 1) == NONE
    assert suppression.folds("a", 99, 1)
    assert suppression.folds("a", 50, 0)
    assert suppression.folds("a", -60, 0)
    assert not suppression.folds("a", 10, 2)
    assert not suppression.folds("a", 100, 1)
    assert not suppression.folds("b", 10, 0)
    assert suppression.open("a", 100, 1) == Related(3, -60)
    assert suppression.open("a", 300, 1) == NONE


def test_what_was_folded_is_remembered_for_a_day() -> None:
    suppression = Suppression(100)
    suppression.open("plain", 0, 0)
    suppression.open("folded", 0, 0)
    suppression.folds("folded", 1, 0)
    suppression.changes()
    suppression.forget(99)
    assert suppression.changes() == []
    suppression.forget(101)
    assert suppression.changes() == [("plain", None)]
    suppression.forget(DAY)
    assert suppression.changes() == [("folded", None)]


def test_a_newer_alert_outlives_the_older_deadline() -> None:
    suppression = Suppression(100)
    suppression.open("a", 0, 0)
    suppression.open("a", 90, 1)
    suppression.forget(120)
    assert suppression.folds("a", 130, 1)


@pytest.mark.parametrize("episode", [Episode(12.5, 2), Episode(1e9, 0, Related(3, 1e9 + 5))])
def test_episodes_survive_the_changelog(episode: Episode) -> None:
    assert Episode.unpack(episode.pack()) == episode
    assert struct.calcsize("<BBdQd") == len(episode.pack())
    with pytest.raises(StateError, match="version 02"):
        Episode.unpack(b"\x02" + episode.pack()[1:])
