"""Models of a partition: a change stands at an offset of the state, and a trial changes nothing of the live model."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from card_stream import events, profile, scorer
from card_stream import other_scorer as other
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alerts import Source
from stream.decisions import Decisions
from stream.detector import Detector
from stream.errors import StateError
from stream.events import decode
from stream.lineup import Chosen, Lineup

COUNT = 500
GAP = 24  # offsets between two events: an epoch has some 21
BATCH = decode(profile(), None, [value for _, value in events(COUNT)], GAP * np.arange(COUNT) + 5)[0]
Log = dict[bytes, bytes | None]


def fresh() -> Detector:
    return Detector(profile(), scorer(), Source("cards", 0))


def feed(detector: Detector, start: int, stop: int, cuts: Sequence[int] = ()) -> list[Decisions]:
    edges = sorted({start, stop, *(cut for cut in cuts if start < cut < stop)})
    return [
        detector.on_batch(BATCH.part(first, last), int(BATCH.offset[last - 1]))
        for first, last in pairwise(edges)
    ]


def append(log: Log, detector: Detector) -> None:
    for key, value in detector.changes():
        log.pop(key, None)
        log[key] = value


def restored(log: Log) -> Detector:
    detector = fresh()
    detector.restore(list(log), list(log.values()))
    return detector


def bodies(decisions: Sequence[Decisions]) -> list[bytes]:
    return [alert.body() for some in decisions for alert in some.alerts]


def scores(decisions: Sequence[Decisions]) -> list[float]:
    return [float(score) for some in decisions for score in some.score]


def trial(detector: Detector) -> tuple[object, ...]:
    shadow = detector.shadow
    return shadow.events, shadow.counts, [shadow.alerts(kind) for kind in shadow.counts]


def test_a_trial_changes_nothing_of_the_live_model() -> None:
    alone, tried = fresh(), fresh()
    tried.use(Lineup(scorer(), other()))
    assert bodies(feed(alone, 0, COUNT)) == bodies(feed(tried, 0, COUNT, [77, 200]))
    assert tried.shadow.events == COUNT
    assert all(count > 0 for count in tried.shadow.counts.values())


def test_a_trial_finds_what_the_candidate_would_alert_on_by_itself() -> None:
    alone = Detector(profile(), other(), Source("cards", 0))
    tried = fresh()
    tried.use(Lineup(scorer(), other()))
    own = {alert.offset for some in feed(alone, 0, COUNT) for alert in some.alerts}
    live = {alert.offset for some in feed(tried, 0, COUNT) for alert in some.alerts}
    found = {
        kind: {alert.offset for alert in tried.shadow.alerts(kind)} for kind in ("both", "added", "dropped")
    }
    assert found == {"both": own & live, "added": own - live, "dropped": live - own}


def test_a_promoted_candidate_alerts_as_if_it_had_been_live_all_along() -> None:
    alone = Detector(profile(), other(), Source("cards", 0))
    tried = fresh()
    tried.use(Lineup(scorer(), other()))
    feed(alone, 0, 300)
    feed(tried, 0, 300)
    tried.use(Lineup(other()))
    assert bodies(feed(alone, 300, COUNT)) == bodies(feed(tried, 300, COUNT))
    assert tried.shadow.events == 0


def test_another_live_model_is_judged_by_its_own_scores_only() -> None:
    detector = fresh()
    detector.use(Lineup(scorer()))
    feed(detector, 0, 300)
    detector.use(Lineup(other()))
    decisions = feed(detector, 300, COUNT)
    first = next(alert.offset for some in decisions for alert in some.alerts)
    assert first // 512 > BATCH.offset[300] // 512, "not before an epoch of its own scores is over"
    assert {alert.digest for some in decisions for alert in some.alerts} == {other().digest}


@settings(max_examples=15, deadline=None)
@given(
    change=st.integers(1, COUNT - 2),
    crash=st.integers(1, COUNT - 1),
    cuts=st.lists(st.integers(1, COUNT - 1), max_size=8),
    promoted=st.booleans(),
)
def test_a_crash_changes_nothing(change: int, crash: int, cuts: list[int], promoted: bool) -> None:
    """The change is written before an event is scored by the new model, everything else at some of the cuts."""
    after = Lineup(other()) if promoted else Lineup(scorer())
    first = Lineup(scorer(), other())

    def run(stop: int, log: Log) -> list[Decisions]:
        detector, decisions = fresh(), []
        detector.use(first)
        append(log, detector)
        for start, end in pairwise(sorted({0, stop, *(cut for cut in (*cuts, change) if cut < stop)})):
            if start == change:
                detector.use(after)
                append(log, detector)
            decisions += feed(detector, start, end)
            if start % 3:
                append(log, detector)
        return decisions

    undisturbed = run(COUNT, {})
    log: Log = {}
    before = run(crash, log)
    survivor = restored(log)
    survivor.use(
        Lineup(*(digest and {m.digest: m for m in (scorer(), other())}[digest] for digest in named(survivor)))
    )
    start = int(BATCH.offset.searchsorted(survivor.offset, side="right"))
    rest = []
    if start < change:
        rest += feed(survivor, start, change)
    survivor.use(after)
    rest += feed(survivor, max(start, change), COUNT)
    assert scores(undisturbed)[start:] == scores(rest)
    assert set(bodies(before)) | set(bodies(rest)) == set(bodies(undisturbed))
    whole = fresh()
    whole.use(first)
    feed(whole, 0, change)
    whole.use(after)
    feed(whole, change, COUNT)
    assert trial(survivor) == trial(whole)
    assert survivor.chosen.digests == whole.chosen.digests


def named(detector: Detector) -> tuple[str, str | None]:
    assert detector.chosen.digests
    return detector.chosen.digests


def test_a_new_trial_leaves_nothing_of_the_one_before() -> None:
    detector, log = fresh(), {}
    detector.use(Lineup(scorer(), other()))
    feed(detector, 0, 300)
    append(log, detector)
    assert any(key.startswith(b"x") for key in log)
    detector.use(Lineup(scorer()))
    append(log, detector)
    assert all(value is None for key, value in log.items() if key.startswith(b"x"))
    again = restored(log)
    again.use(Lineup(scorer(), other()))
    detector.use(Lineup(scorer(), other()))
    feed(detector, 300, COUNT)
    feed(again, 300, COUNT)
    assert trial(again) == trial(detector)


def test_what_the_state_says_is_versioned() -> None:
    chosen = Chosen()
    chosen.choose(("a", None), 41)
    ((key, value),) = chosen.changes()
    assert chosen.changes() == []
    found = Chosen()
    found.restore(key, value)
    assert (found.digests, found.since) == (("a", None), 41)
    with pytest.raises(StateError, match=r"the choice of models .* version 09 .* expected version 01"):
        found.restore(key, b"\x09[]")
