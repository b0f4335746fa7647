"""The detector: neither the size of a batch, nor a crash, nor a reader of the changelog changes a decision."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from card_stream import PROFILE, events, profile, scorer
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alerts import Source
from stream.decisions import Decisions
from stream.detector import Detector
from stream.epochs import EPOCH
from stream.errors import StateError
from stream.events import EventBatch, decode
from stream.profile import parse
from stream.records import Record

COUNT = 400
MAX_KEYS = 12  # of 20 cards: entities come and go
GAP = 24  # offsets between two events: they need only increase, and so an epoch has some 21 events
UPTO = COUNT * GAP

Log = dict[bytes, bytes | None]
few = settings(max_examples=15, deadline=None)
cuts = st.lists(st.integers(1, COUNT - 1), max_size=12, unique=True).map(sorted)


def whole() -> EventBatch:
    values = [value for _, value in events(COUNT)]
    return decode(profile(), None, values, GAP * np.arange(COUNT) + 5)[0]


BATCH = whole()


def fresh() -> Detector:
    return Detector(profile(), scorer(), Source("cards", 0), max_keys=MAX_KEYS)


def feed(detector: Detector, start: int, stops: Sequence[int]) -> list[Decisions]:
    """Give a detector the events from `start` on, a batch up to each of `stops`."""
    edges = [start, *(stop for stop in stops if stop > start)]
    return [
        detector.on_batch(BATCH.part(first, stop), int(BATCH.offset[stop - 1]))
        for first, stop in pairwise(edges)
    ]


def told(decisions: Sequence[Decisions]) -> dict[int, tuple[float, float, bytes]]:
    """Score, p-value and alert (key, body and headers; empty where there is none), to the last bit, by offset."""
    alerts = {
        alert.offset: b"|".join([alert.key, alert.body(), repr(alert.headers()).encode()])
        for some in decisions
        for alert in some.alerts
    }
    return {
        offset: (float(score), float(p_value), alerts.get(offset, b""))
        for some in decisions
        for offset, score, p_value in zip(some.offset.tolist(), some.score, some.p_value, strict=True)
    }


UNDISTURBED = told(feed(fresh(), 0, [COUNT]))


def batches(stops: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise([0, *stops]))


def append(log: Log, changes: Sequence[Record]) -> None:
    """Write to a compacted changelog: the newest value of each key, in the order of writing."""
    for key, value in changes:
        log.pop(key, None)
        log[key] = value


def restored(log: Log) -> Detector:
    detector = fresh()
    half = len(log) // 2  # a changelog comes in runs
    keys, values = list(log), list(log.values())
    detector.restore(keys[:half], values[:half])
    detector.restore(keys[half:], values[half:])
    return detector


def test_the_stream_exercises_what_matters() -> None:
    detector = fresh()
    feed(detector, 0, [COUNT])
    assert detector.windows.slots.evictions > 20
    assert BATCH.offset[-1] // EPOCH > 15
    assert sum(alert != b"" for _, _, alert in UNDISTURBED.values()) > 20
    assert len({score for score, _, _ in UNDISTURBED.values()}) > COUNT // 2


@few
@given(cuts)
def test_batch_sizes_change_nothing(stops: list[int]) -> None:
    assert told(feed(fresh(), 0, [*stops, COUNT])) == UNDISTURBED


def test_single_events_are_decided_alike() -> None:
    assert told(feed(fresh(), 0, range(1, COUNT + 1))) == UNDISTURBED


@few
@given(before=cuts, crash=st.integers(1, COUNT - 1), again=cuts, writes=st.integers(1, 4))
def test_a_crash_changes_nothing(before: list[int], crash: int, again: list[int], writes: int) -> None:
    """State was last written some batches ago; the events since then come once more, in other batches."""
    detector, log, decisions, written = fresh(), {}, [], 0
    for number, (start, stop) in enumerate(batches([stop for stop in before if stop < crash] + [crash]), 1):
        decisions += feed(detector, start, [stop])
        if number % writes == 0:
            append(log, detector.changes())
            written = stop
    survivor = restored(log)
    assert survivor.offset == (BATCH.offset[written - 1] if written else -1)
    repeated = told(feed(survivor, written, [*again, COUNT]))
    assert repeated.items() <= UNDISTURBED.items()
    assert told(decisions) | repeated == UNDISTURBED


@few
@given(stops=cuts, again=st.booleans())
def test_a_standby_that_follows_the_changelog_goes_on_alike(stops: list[int], again: bool) -> None:
    """Each write as it comes, and then the whole log `again`, as after a rebalance."""
    detector, follower, log = fresh(), fresh(), {}
    for start, stop in batches(stops):
        feed(detector, start, [stop])
        changes = detector.changes()
        append(log, changes)
        follower.restore(*zip(*changes, strict=True))
    if again:
        follower.restore(list(log), list(log.values()))
    start = stops[-1] if stops else 0
    assert told(feed(follower, start, [COUNT])).items() <= UNDISTURBED.items()


def test_rejects_inside_a_batch_take_their_offsets_and_nothing_else() -> None:
    values = [value for _, value in events(COUNT)]
    mixed: list[bytes] = []
    for value in values:
        mixed += [value, b"not json"]
    batch, rejects = decode(profile(), None, mixed, np.arange(len(mixed)))
    clean = replace(BATCH, offset=np.arange(0, len(mixed), 2))
    assert len(rejects) == COUNT
    seen, expected = fresh(), fresh()
    assert told([seen.on_batch(batch, len(mixed) - 1)]) == told([expected.on_batch(clean, len(mixed) - 2)])
    assert (seen.offset, expected.offset) == (len(mixed) - 1, len(mixed) - 2)


def test_a_batch_of_rejects_moves_the_offset_of_the_state() -> None:
    detector, log = fresh(), {}
    feed(detector, 0, [100])
    nothing, rejects = decode(profile(), None, [b"", b"[]"], np.array([5000, 5001]))
    assert (len(nothing), len(rejects)) == (0, 2)
    assert len(detector.on_batch(nothing, 5001).offset) == 0
    append(log, detector.changes())
    assert restored(log).offset == 5001


def test_nothing_new_is_nothing_to_write() -> None:
    detector = fresh()
    assert detector.changes() == []
    feed(detector, 0, [100])
    assert detector.changes()
    assert detector.changes() == []


@pytest.mark.parametrize(
    ("old", "new"), [("window: 8", "window: 16"), ("field: country", "field: currency"), ("86400", "3600")]
)
def test_state_of_another_profile_is_refused(old: str, new: str) -> None:
    detector, log = fresh(), {}
    feed(detector, 0, [100])
    append(log, detector.changes())
    other = Detector(parse(PROFILE.replace(old, new), "other.yaml"), scorer(), Source("cards", 0))
    with pytest.raises(StateError, match=r"cards\[0\].*profile 'often'.*set a new application_id"):
        other.restore(list(log), list(log.values()))


def test_a_record_of_another_release_is_refused() -> None:
    with pytest.raises(StateError, match=r"cards\[0\].*key b'\?new'.*another release of onsight"):
        fresh().restore([b"?new"], [b"anything"])
