"""What a verdict does to the next score: each effect alone, its outcomes, and after a crash."""

from collections import Counter

import numpy as np
import orjson
from card_stream import events, profile, scorer

from stream.alerts import Source
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.events import decode
from stream.known_verdicts import Heard
from stream.scorer import Scorer
from stream.verdict import Outcome, Verdict

COUNT = 200
HERE = Source("cards", 0)
BATCH = decode(profile(), None, [value for _, value in events(COUNT)], np.arange(COUNT))[0]


def fed(upto: int = COUNT - 20) -> Detector:
    detector = Detector(profile(), scorer(), HERE)
    detector.on_batch(BATCH.part(0, upto), upto - 1)
    return detector


def on(
    offset: int, verdict: Outcome = "confirmed", at: float = 0.0, features: bool = False, **place
) -> Verdict:
    told: dict[str, object] = {}
    if features:
        record = orjson.loads(events(COUNT)[offset][1])
        told = {"amount": record["amount"], "country": record["country"], "time of day": "03:00"}
    source = place.get("source", HERE)
    return Verdict(f"id-{offset}", BATCH.entity[offset], verdict, "ann", at, source, offset, told)


def rest(detector: Detector) -> np.ndarray:
    return detector.on_batch(BATCH.part(COUNT - 20, COUNT), COUNT - 1).score


def outcome(detector: Detector, *verdicts: Verdict) -> dict[str, int]:
    """How many had which outcome."""
    start = detector.feedback.heard.get(0, (-1, ""))[0] + 1
    counted = detector.on_verdicts([Heard(0, start + n, verdict) for n, verdict in enumerate(verdicts)])
    return dict(sum((Counter({which: count}) for (_, which), count in counted.items()), Counter()))


def test_a_judged_row_changes_the_next_score_of_its_entity_only() -> None:
    """The first effect alone: in its window, and not among the peers."""
    before, after = fed(), fed()
    offset = COUNT - 21
    assert after.windows.judge(offset, 1, BATCH.entity[offset]) is not None
    changed = np.flatnonzero(rest(before) != rest(after))
    names = [BATCH.entity[COUNT - 20 + event] for event in changed.tolist()]
    assert set(names) == {BATCH.entity[offset]}


def test_what_a_verdict_does_not_tell_is_taken_from_the_window() -> None:
    detector = fed()
    offset = COUNT - 21
    assert outcome(detector, on(offset)) == {"applied": 1}
    amount = orjson.loads(events(COUNT)[offset][1])["amount"]
    assert np.isclose(detector.feedback.labelled.rows[0, 0], np.log1p(amount))
    elsewhere = Source("cards", 3)
    outcome(detector, on(1, source=elsewhere))
    assert detector.feedback.labelled.mask.sum() == 1, "of another partition's event nothing is known"


def test_labelled_peers_change_the_score_of_others() -> None:
    """A dismissed one: the shipped model leaves confirmed rows out of what is normal, and does not look for them."""
    before, after = fed(), fed()
    elsewhere = Source("cards", 3)
    assert outcome(after, on(COUNT - 21, "dismissed", features=True, source=elsewhere)) == {}
    assert not after.windows.label.any()
    assert (rest(before) != rest(after)).any()


def test_both_labels_reach_the_model() -> None:
    detector, elsewhere = fed(), Source("cards", 3)
    plain = len(detector._peers().rows)
    outcome(
        detector, on(1, features=True, source=elsewhere), on(2, "dismissed", features=True, source=elsewhere)
    )
    peers = detector._peers()
    assert peers.label[plain:].tolist()[:3] == [1, -1, 0]
    assert peers.mask[plain:].sum() == 2
    assert detector._peers() is peers, "made anew only when something changed"


def test_outcomes() -> None:
    detector = fed()
    last = COUNT - 21
    assert outcome(detector, on(last, at=5.0), on(last, at=6.0)) == {"applied": 1, "duplicate": 1}
    assert outcome(detector, on(last, "dismissed", at=4.0)) == {"late": 1}
    assert outcome(detector, on(last, "dismissed", at=7.0)) == {"changed": 1}
    assert outcome(detector, on(0)) == {"late": 1}, "its row has left the window"
    assert outcome(detector, on(COUNT - 1)) == {"unknown": 1}, "not seen yet"
    assert outcome(detector, on(3, source=None), on(4, source=Source("other", 5))) == {"unknown": 2}


def test_verdicts_that_come_again_change_nothing() -> None:
    """As those of a topic that was deleted and made again may."""
    last, once, again = COUNT - 21, fed(), fed()
    verdicts = [on(last, at=5.0), on(last, "dismissed", at=7.0), on(last - 1, at=6.0, features=True)]
    first = outcome(once, *verdicts)
    assert outcome(again, *verdicts) == first == {"applied": 2, "changed": 1}
    assert outcome(again, *verdicts) == {"late": 1, "duplicate": 2}
    assert np.array_equal(again.feedback.labelled.rows, once.feedback.labelled.rows)
    assert np.array_equal(rest(again), rest(once))


def test_verdicts_survive_a_crash() -> None:
    detector = fed()
    log = dict(detector.changes())
    assert detector.changes() == []
    outcome(detector, on(COUNT - 21, features=True), on(COUNT - 22, "dismissed", features=True))
    log.update(detector.changes())
    copy = Detector(profile(), scorer(), HERE)
    copy.restore(list(log), list(log.values()))
    assert copy.feedback.heard == detector.feedback.heard
    assert copy.feedback.heard[0][0] == 1
    assert np.array_equal(rest(copy), rest(detector))
    assert not np.array_equal(rest(fed()), rest(fed_with(copy)))


def fed_with(copy: Detector) -> Detector:
    """A detector that heard what `copy` did."""
    detector = fed()
    outcome(detector, on(COUNT - 21, features=True), on(COUNT - 22, "dismissed", features=True))
    assert detector.feedback.heard == copy.feedback.heard
    return detector


def test_a_first_verdict_that_moves_all_scores_does_not_silence_the_alerts() -> None:
    """A confirmed row among the peers makes the trained model's other scores smaller."""
    described, count, half = profile(), 3 * 2048, 2048
    learned = Scorer(load_artifact(shipped("onsight")), described.category, described.direction)
    batch, _ = decode(described, None, [value for _, value in events(count)], np.arange(count))
    detector = Detector(described, learned, HERE)
    first = detector.on_batch(batch.part(0, half), half - 1)
    alert = orjson.loads(first.alerts[-1].body())
    place = alert["source"]["offset"]
    told = alert["features"], alert["event"]
    verdict = Verdict(alert["id"], alert["entity"], "confirmed", "ann", 0.0, HERE, place, *told)
    assert outcome(detector, verdict) == {"applied": 1}
    after = detector.on_batch(batch.part(half, count), count - 1)
    assert np.median(after.score) < 0.5 * np.median(first.score), "else this shows nothing"
    judged_by_both = after.p_value[1024:] <= 0.3
    assert 0.2 < judged_by_both.mean() < 0.4
    assert after.shifts == ()
