"""Drift: quiet while nothing changes, one episode for a shift, and the same after a crash, however events come."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from card_stream import PROFILE, profile
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.bins import BINS, FINE, Bins, Histogram, distance, stability_index
from stream.drift import SCORE, Drift
from stream.drift_monitor import LASTING, REFERENCE, WINDOW, Shift
from stream.drift_reference import Reference, written
from stream.drift_reference import told as told_columns
from stream.epochs import EPOCH
from stream.errors import StateError
from stream.profile import parse

FIRST = 8 * (REFERENCE + 2 * EPOCH)  # offsets in which the reference is made
SPAN = 8 * (WINDOW + EPOCH)  # and a window
AMOUNT, COUNTRY = 0, 1  # columns of the profile

Log = dict[bytes, bytes | None]


class Stream:
    """A stream of the tests' profile: rows [N, F], scores [N]."""

    def __init__(self, count: int, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.rows = random.normal(size=(count, profile().columns)).astype(np.float32)
        self.rows[:, COUNTRY] = random.integers(0, 5, count)
        self.rows[random.random(self.rows.shape) < 0.02] = np.nan
        self.score = random.random(count).astype(np.float32)

    def feed(self, drift: Drift, start: int, stop: int, cuts: Sequence[int] = ()) -> list[Shift]:
        """Give the events from `start` on, cut at epochs and at `cuts`; the drifts that began."""
        edges = sorted(
            {
                start,
                stop,
                *(cut for cut in cuts if start < cut < stop),
                *range(start - start % EPOCH, stop, EPOCH),
            }
        )
        begun: list[Shift] = []
        for first, last in pairwise([edge for edge in edges if edge >= start]):
            if first % EPOCH == 0 and first:
                begun += drift.close_epoch()
            drift.on_batch(self.rows[first:last], self.score[first:last], np.arange(first, last))
        return begun


@cache
def usual() -> Reference:
    """The reference that a long stream like the tests' gives."""
    stream, columns = Stream(20_000, seed=2), told_columns(profile())
    bins = Bins.of(stream.rows[:, columns], profile().category[columns] > 0)
    scores = Bins.of(stream.score[:, None], np.zeros(1, bool))
    counts = bins.count(stream.rows[:, columns]), scores.count(stream.score[:, None])
    features = [Histogram(*column) for column in zip(bins.edges, counts[0], strict=True)]
    return written(profile(), 20_000, features, Histogram(scores.edges[0], counts[1][0]))


def told(drift: Drift) -> dict[str, tuple[float, float, bool]]:
    return {
        name: (monitor.psi[i], monitor.ks[i], bool(monitor.drifting[i]))
        for monitor in drift.monitors
        for i, name in enumerate(monitor.names)
    }


def append(log: Log, drift: Drift) -> None:
    for key, value in drift.changes():
        log.pop(key, None)
        log[key] = value


def restored(log: Mapping[bytes, bytes | None]) -> Drift:
    drift = Drift(profile())
    for key, value in log.items():
        drift.restore(key, value)
    return drift


def test_a_stream_that_stays_as_it_was_is_quiet() -> None:
    drift, stream = Drift(profile()), Stream(FIRST + 10 * SPAN)
    assert stream.feed(drift, 0, len(stream.score)) == []
    assert all(psi < 0.1 for psi, _, _ in told(drift).values())
    assert told(drift)["amount"][1] < 0.1
    assert np.isnan(told(drift)["country"][1]), "codes have no order"
    assert "time of day" not in told(drift)


def test_a_shift_is_one_episode_and_what_lasts_is_the_new_normal() -> None:
    drift, stream = Drift(profile()), Stream(2 * FIRST + (LASTING + 6) * SPAN)
    begin = FIRST + SPAN
    stream.rows[begin:, AMOUNT] += 2
    stream.score[begin:] **= 4
    shifts = stream.feed(drift, 0, begin + 4 * SPAN)
    assert sorted(shift.name for shift in shifts) == ["amount", SCORE]
    assert all(shift.psi > 0.25 and shift.ks > 0.3 and shift.events >= WINDOW for shift in shifts)
    assert told(drift)["amount"][2] and not told(drift)["country"][2]
    assert stream.feed(drift, begin + 4 * SPAN, len(stream.score)) == []
    assert not told(drift)["amount"][2]


def test_an_episode_ends_where_the_stream_comes_back() -> None:
    drift, stream = Drift(profile()), Stream(FIRST + 8 * SPAN)
    stream.rows[FIRST + SPAN : FIRST + 4 * SPAN, COUNTRY] = 77
    shifts = stream.feed(drift, 0, len(stream.score))
    assert [shift.name for shift in shifts] == ["country"]
    assert not told(drift)["country"][2]


def test_missing_values_are_a_shift_too() -> None:
    drift, stream = Drift(profile()), Stream(FIRST + 5 * SPAN)
    stream.rows[FIRST + SPAN :, AMOUNT] = np.nan
    assert [shift.name for shift in stream.feed(drift, 0, len(stream.score))] == ["amount"]


def test_another_model_begins_the_scores_anew_and_leaves_the_features() -> None:
    drift, stream = Drift(profile()), Stream(2 * FIRST + 3 * SPAN)
    stream.feed(drift, 0, FIRST + SPAN)
    stream.score[FIRST + SPAN :] **= 4
    drift.new_model(None)
    assert np.isnan(told(drift)[SCORE][0]) and not np.isnan(told(drift)["amount"][0])
    assert stream.feed(drift, FIRST + SPAN, len(stream.score)) == []
    assert told(drift)[SCORE][0] < 0.1


def test_a_reference_that_is_given_counts_from_the_first_event_on() -> None:
    drift, stream = Drift(profile()), Stream(4 * SPAN)
    drift.new_model(usual())
    assert stream.feed(drift, 0, len(stream.score)) == []
    assert all(psi < 0.1 for psi, _, _ in told(drift).values())
    drift, stream = Drift(profile()), Stream(4 * SPAN)
    drift.new_model(usual())
    stream.rows[:, AMOUNT] += 2
    stream.rows[:, COUNTRY] = 77
    stream.score **= 4
    shifts = stream.feed(drift, 0, len(stream.score))
    assert sorted(shift.name for shift in shifts) == ["amount", "country", SCORE]


def test_a_model_without_a_reference_leaves_that_of_the_features() -> None:
    drift, stream = Drift(profile()), Stream(4 * SPAN)
    drift.new_model(usual())
    drift.new_model(None)
    stream.rows[:, AMOUNT] += 2
    stream.score **= 4
    assert [shift.name for shift in stream.feed(drift, 0, len(stream.score))] == ["amount"]


def test_a_reference_without_scores_leaves_them_their_own_beginning() -> None:
    drift, stream = Drift(profile()), Stream(4 * SPAN)
    drift.new_model(usual().model_copy(update={"score": None}))
    stream.rows[:, AMOUNT] += 2
    stream.score **= 4
    assert [shift.name for shift in stream.feed(drift, 0, len(stream.score))] == ["amount"]


def test_what_is_masked_is_held_against_its_own_beginning() -> None:
    masked = parse(PROFILE.replace("transform: log1p, unit: EUR", "transform: log1p, mask: true"), "m.yaml")
    features = {name: column for name, column in usual().features.items() if name != "amount"}
    reference = usual().model_copy(update={"features": features})
    drift, stream = Drift(masked), Stream(FIRST + 6 * SPAN)
    drift.new_model(reference)
    stream.rows[:, AMOUNT] += 2
    assert stream.feed(drift, 0, FIRST + SPAN) == []
    stream.rows[:, AMOUNT] -= 2
    assert [shift.name for shift in stream.feed(drift, FIRST + SPAN, len(stream.score))] == ["amount"]


@settings(max_examples=12, deadline=None)
@given(
    crash=st.integers(1, FIRST + 5 * SPAN - 1),
    cuts=st.lists(st.integers(1, FIRST + 5 * SPAN - 1), max_size=9),
    given_one=st.booleans(),
)
def test_neither_batches_nor_a_crash_change_what_is_found(
    crash: int, cuts: list[int], given_one: bool
) -> None:
    stream = Stream(FIRST + 5 * SPAN)
    stream.rows[FIRST + SPAN :, AMOUNT] += 2
    undisturbed, drift, log = Drift(profile()), Drift(profile()), {}
    if given_one:
        undisturbed.new_model(usual())
        drift.new_model(usual())
    expected = stream.feed(undisturbed, 0, len(stream.score))
    begun: list[Shift] = []
    for start, stop in pairwise(sorted({0, crash, *(cut for cut in cuts if cut < crash)})):
        begun += stream.feed(drift, start, stop, cuts)
        append(log, drift)
    drift = restored(log)
    begun += stream.feed(drift, crash, len(stream.score), cuts)
    assert begun == expected
    np.testing.assert_equal(told(drift), told(undisturbed))


def test_state_of_other_columns_is_refused() -> None:
    drift, log = Drift(profile()), {}
    Stream(EPOCH).feed(drift, 0, EPOCH)
    append(log, drift)
    key, value = next((key, value) for key, value in log.items() if value)
    with pytest.raises(StateError, match="expected 1 columns, found 5"):
        Drift(profile()).restore(key.replace(b"df", b"ds"), value)


values = st.lists(
    st.floats(-1e6, 1e6, width=32) | st.just(float("nan")) | st.just(float("inf")), min_size=1, max_size=60
).map(lambda some: np.array(some, np.float32)[:, None])


@given(values, values, st.booleans())
def test_bins_count_every_value_once(reference: np.ndarray, others: np.ndarray, category: bool) -> None:
    bins = Bins.of(reference, np.array([category]))
    counts = bins.count(others)
    assert counts.shape == (1, BINS) and counts.sum() == len(others)
    assert counts[0, FINE] == np.isnan(others).sum()
    expected = bins.count(reference)
    assert stability_index(expected, expected)[0] == 0
    assert stability_index(counts, expected)[0] >= 0
    assert 0 <= distance(counts, expected)[0] <= 1


@given(st.integers(0, 99), st.floats(0, 3))
def test_the_distance_is_that_of_the_samples_to_a_bin(seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    reference, seen = random.normal(size=(4096, 1)), random.normal(shift, size=(1024, 1))
    reference, seen = reference.astype(np.float32), seen.astype(np.float32)
    bins = Bins.of(reference, np.zeros(1, bool))
    both = np.sort(np.concatenate([reference, seen])[:, 0])
    shares = [np.sort(one[:, 0]).searchsorted(both, side="right") / len(one) for one in (reference, seen)]
    exact = np.abs(shares[0] - shares[1]).max()
    assert exact - 1 / FINE - 0.01 <= distance(bins.count(seen), bins.count(reference))[0] <= exact + 1e-9
