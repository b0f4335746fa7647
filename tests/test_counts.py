"""Sliding counts against the one-event-at-a-time definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.counts import Counts
from stream.errors import StateError

SECONDS, EPOCH = 10.0, 1000


def one_by_one(key: list[str], time: np.ndarray) -> list[float]:
    state: dict[str, tuple[int, int, int]] = {}
    result = []
    for name, now in zip(key, time.tolist(), strict=True):
        stretch, current, previous = state.get(name, (0, 0, 0))
        here = max(int(now // SECONDS), stretch)
        if here == stretch:
            current += 1
        else:
            previous, current = (current if here == stretch + 1 else 0), 1
        state[name] = here, current, previous
        result.append(current + previous * min(max(1 - (now / SECONDS - here), 0.0), 1.0))
    return result


@st.composite
def streams(draw: st.DrawFn):
    count = draw(st.integers(1, 80))
    key = draw(st.lists(st.sampled_from("abc"), min_size=count, max_size=count))
    steps = draw(st.lists(st.floats(-5, 30), min_size=count, max_size=count))
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=5)) | {count})
    return key, np.maximum(np.cumsum(steps), 0), cuts


@settings(max_examples=200, deadline=None)
@given(streams(), st.booleans())
def test_counts_equal_the_definition_however_the_stream_is_cut(stream, restart: bool) -> None:
    key, time, cuts = stream
    counts = Counts(b"c\0", SECONDS, 10, EPOCH)
    log: dict[bytes, bytes | None] = {}
    got: list[float] = []
    for start, stop in zip([0, *cuts], cuts, strict=False):
        if restart:
            counts = Counts(b"c\0", SECONDS, 10, EPOCH)
            for record in log.items():
                counts.restore(*record)
        got += counts.on_batch(key[start:stop], time[start:stop], np.arange(start, stop)).tolist()
        log.update(counts.changes())
    assert got == pytest.approx(one_by_one(key, time), abs=1e-9)


def test_the_least_recently_seen_key_is_evicted_with_a_tombstone() -> None:
    counts = Counts(b"c\0", SECONDS, 1, EPOCH)
    counts.on_batch(["old", "new"], np.zeros(2), np.arange(2))
    counts.changes()
    counts.close_epoch()
    assert counts.changes() == [(b"c\0old", None)]
    assert counts.on_batch(["old"], np.zeros(1), np.array([2]))[0] == 1


def test_a_counter_of_another_version_is_refused() -> None:
    counts = Counts(b"c\0", SECONDS, 1, EPOCH)
    with pytest.raises(StateError, match="expected version 1 of 33 bytes, found version 9 of 2 bytes"):
        counts.restore(b"c\0x", b"\x09\x00")
