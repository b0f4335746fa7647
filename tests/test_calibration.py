"""Conformal p-values: exact at every level, ordered as the scores are, and cheap to keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from stream.calibration import CHUNKS, KEPT, Calibration, Chunk, Level, without
from stream.days import DAY
from stream.errors import StateError

SCORES = st.integers(0, 40).map(lambda n: np.float32(n / 40))
EPOCHS = st.lists(st.lists(SCORES, min_size=1, max_size=5), max_size=CHUNKS)


def filled(epochs: list[list[np.float32]] | np.ndarray, pace: float = 1.0) -> Calibration:
    """A reference of these scores, `pace` seconds from one event to the next."""
    calibration, at = Calibration(), 0
    for epoch in epochs:
        time = (at + np.arange(len(epoch))) * pace
        assert list(calibration.add(np.array(epoch, np.float32), time))
        at += len(epoch)
    return calibration


@settings(deadline=None)
@given(EPOCHS, st.lists(SCORES, min_size=1))
def test_one_level_is_the_textbook_p_value(epochs: list[list[np.float32]], asked: list[np.float32]) -> None:
    reference = np.array([score for epoch in epochs for score in epoch])
    expected = [(1 + np.count_nonzero(reference >= score)) / (len(reference) + 1) for score in asked]
    calibration = filled(epochs)
    assert calibration.p_value(np.array(asked, np.float32), calibration.depth(1.0)) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_level_kept_up_equals_one_made_anew(seed: int, different: int) -> None:
    """Few scores differ, so that most have equals, in the chunk that goes and in those that stay."""
    random = np.random.default_rng(seed)
    asked = np.linspace(0, 1, 81, dtype=np.float32)
    level, chunks = Level(), []
    for sequence in range(2 * CHUNKS):
        scores = np.sort(random.integers(0, different, random.integers(0, 6)).astype(np.float32) / different)
        chunks.append(Chunk(sequence, len(scores), 0, 0.0, scores))
        level.put(chunks[-1])
        kept = np.concatenate([chunk.scores for chunk in chunks[-CHUNKS:]])
        assert level.at_least(asked).tolist() == [np.count_nonzero(kept >= score) for score in asked]


@settings(deadline=None)
@given(st.lists(SCORES), st.lists(SCORES))
def test_taking_scores_out_leaves_the_others(stay: list[np.float32], gone: list[np.float32]) -> None:
    one, two, both = (np.sort(np.array(some, np.float32)) for some in (stay, gone, stay + gone))
    assert np.array_equal(without(both, two), one)


def test_only_the_last_chunks_count() -> None:
    calibration = filled([[np.float32(0.9)]] * CHUNKS + [[np.float32(0.1)]] * CHUNKS)
    assert calibration.p_value(np.float32([0.5]), 1)[0] == 1 / (CHUNKS + 1)


def test_a_deeper_level_tells_smaller_p_values_exactly() -> None:
    epochs = np.random.default_rng(1).random((CHUNKS * CHUNKS, 32), np.float32)
    calibration = filled(epochs)
    everything = np.sort(epochs.ravel())
    assert calibration.depth(1e-9) == 3
    assert calibration.smallest(2) == 1 / (everything.size + 1)
    for beaten_by in (0, 1, 20, KEPT - 1):
        score = np.float32([everything[-1 - beaten_by] if beaten_by else 1.0])
        p_value = calibration.p_value(score, 2)[0]
        assert p_value >= ((beaten_by and beaten_by + 1) + 1) / (everything.size + 1) * (1 - 1e-9)
    recent = np.count_nonzero(epochs[-CHUNKS:] >= np.float32(0.5)) / (32 * CHUNKS + 1)
    assert calibration.p_value(np.float32([0.5]), 2)[0] == pytest.approx(recent, rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_a_stranger_score_never_has_a_larger_p_value(seed: int, depth: int) -> None:
    random = np.random.default_rng(seed)
    epochs = random.beta(1, random.uniform(1, 20, CHUNKS * 3)[:, None], (CHUNKS * 3, 8)).astype(np.float32)
    p_value = filled(epochs).p_value(np.linspace(0, 1, 500, dtype=np.float32), depth)
    assert (np.diff(p_value) <= 0).all()
    assert p_value.min() > 0
    assert p_value.max() <= 1


def test_when_the_stream_becomes_stranger_the_recent_level_keeps_p_honest() -> None:
    random = np.random.default_rng(2)
    calm, wild = random.random((CHUNKS * 8, 64), np.float32) / 2, random.random((CHUNKS, 64), np.float32)
    calibration = filled([*calm, *wild])
    new = random.random(10_000, np.float32)
    assert np.mean(calibration.p_value(new, calibration.depth(1e-6)) <= 0.01) < 0.015


@pytest.mark.parametrize("pace", [0.01, 60.0])
def test_the_pace_survives_disorder_and_odd_clocks(pace: float) -> None:
    random = np.random.default_rng(3)
    calibration = Calibration()
    for epoch in range(40):
        time = (epoch * 256 + random.permutation(256)) * pace
        time[random.integers(0, 256, 20)] += 1e7
        calibration.add(random.random(256, np.float32), time)
    assert calibration.events_per_day() == pytest.approx(DAY / pace, rel=0.02)


def test_the_pace_is_unknown_at_first_and_endless_when_time_stands_still() -> None:
    assert np.isnan(Calibration().events_per_day())
    assert np.isnan(filled([[np.float32(0.5)]]).events_per_day())
    assert np.isnan(filled([[np.float32(0.5)]] * 3, pace=0).events_per_day())


def test_a_chunk_of_another_version_is_refused() -> None:
    chunk = Chunk(65, 256, 70_000, 1.7e9, np.float32([0.25, 0.5]))
    again = Chunk.unpack(chunk.pack())
    assert (again.slot, again.seen, again.at, again.scores.tolist()) == (1, 70_000, 1.7e9, [0.25, 0.5])
    for value in (b"", b"\x07" + chunk.pack()[1:], chunk.pack()[:20]):
        with pytest.raises(StateError, match="expected version 01"):
            Chunk.unpack(value)


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(1, 600), st.floats(-1, 1), st.booleans())
def test_the_distance_is_that_of_the_two_samples(seed: int, count: int, shift: float, rounded: bool) -> None:
    random = np.random.default_rng(seed)
    recent, fresh = random.random(1024).astype(np.float32), (random.random(count) + shift).astype(np.float32)
    if rounded:
        recent, fresh = recent.round(1), fresh.round(1)
    calibration = Calibration()
    assert calibration.distance(fresh) == 0
    for part in (recent[:512], recent[512:]):
        calibration.add(part, np.arange(512.0))
    assert calibration.distance(fresh) == pytest.approx(ks_2samp(recent, fresh).statistic)
