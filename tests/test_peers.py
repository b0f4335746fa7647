"""The peer sample: decided by offsets alone, uniform over recent events, the same after a restart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import StateError
from stream.peers import FILLING, STEADY, PeerSample, drawn

EPOCH = 256


def feed(sample: PeerSample, start: int, stop: int) -> None:
    offset = np.arange(start, stop)
    sample.on_batch(offset[:, None].astype(np.float32), offset)


def run(cuts: list[int], restart_at: int | None = None) -> PeerSample:
    sample, log = PeerSample(32, 1), {}
    for start, stop in zip([0, *cuts], cuts, strict=False):
        if start == restart_at:
            sample = PeerSample(32, 1)
            for record in log.items():
                sample.restore(*record)
        if start and start % EPOCH == 0:
            sample.close_epoch()
        feed(sample, start, stop)
        log.update(sample.changes())
    sample.close_epoch()
    return sample


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(1, 1024), min_size=1, max_size=12), st.data())
def test_neither_the_cuts_nor_a_restart_change_the_sample(cuts: set[int], data: st.DataObject) -> None:
    ends = sorted({*cuts, *range(EPOCH, 1025, EPOCH)})
    restart = data.draw(st.sampled_from(ends[:-1]))
    one, two = run(list(range(EPOCH, 1025, EPOCH))), run(ends, restart)
    assert np.array_equal(one.peers.rows, two.peers.rows)
    assert np.array_equal(one.peers.mask, two.peers.mask)


@given(st.integers(0, 2**40), st.sets(st.integers(0, 3 * EPOCH), min_size=1, max_size=40))
def test_an_event_joins_if_its_own_offset_is_drawn(first: int, steps: set[int]) -> None:
    sample, offset = PeerSample(256, 1), first + np.array(sorted(steps))
    sample.on_batch(np.arange(len(offset), dtype=np.float32)[:, None], offset)
    sample.close_epoch()
    joined = np.flatnonzero(drawn(offset) < FILLING)
    assert sample.peers.rows[: len(joined), 0].tolist() == joined[::-1].tolist()
    assert sample.peers.mask.sum() == len(joined)


def test_the_draw_is_uniform_enough() -> None:
    counts = np.bincount(drawn(np.arange(256_000)).astype(int), minlength=256)
    assert abs(counts - 1000).max() < 6 * np.sqrt(1000)


def test_the_sample_fills_fast_and_then_follows_the_newest() -> None:
    sample = PeerSample(32, 1)
    feed(sample, 0, EPOCH)
    assert sample.peers.mask.sum() == 0
    sample.close_epoch()
    assert sample.peers.mask.sum() == 32
    for epoch in range(1, 60):
        feed(sample, epoch * EPOCH, (epoch + 1) * EPOCH)
        sample.close_epoch()
    assert sample.peers.rows.min() > (60 - 5 * 32 / STEADY) * EPOCH
    assert FILLING > STEADY


def test_records_of_another_shape_are_refused() -> None:
    sample = PeerSample(32, 1)
    feed(sample, 0, EPOCH)
    sample.close_epoch()
    with pytest.raises(StateError, match="expected version 1 with 2 columns, found version 1 with 1"):
        PeerSample(32, 2).restore(*sample.changes()[0])
