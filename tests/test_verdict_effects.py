"""What verdicts do in the whole detector: a value's record is a feature with words, and dismissed alerts calm."""

import numpy as np
import pytest
from card_stream import PROFILE, events

from stream.alerts import Source
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.events import decode
from stream.known_verdicts import Heard
from stream.profile import parse
from stream.replay import Replay
from stream.scorer import Scorer
from stream.sentences import Look, sentence
from stream.verdict import Outcome, Verdict

COUNT = 1200
RISK = parse(
    PROFILE.replace(
        "alerts:",
        "  - {name: risk, kind: verdicts, field: terminal, days: 7, direction: high}\n"
        "  - {name: cleared, kind: verdicts, of: dismissed, field: terminal, days: 7}\n"
        "  - {name: share, kind: verdicts, of: share, field: terminal, days: 7}\nalerts:",
    ),
    "risk.yaml",
)
BATCH, _ = decode(RISK, None, [value for _, value in events(COUNT)], np.arange(COUNT))
RISK_COLUMN = RISK.column_owner.index(6)


def fed() -> Detector:
    model = Scorer(load_artifact(shipped()), RISK.category, RISK.direction)
    detector = Detector(RISK, model, Source("cards", 0))
    detector.on_batch(BATCH.part(0, 600), 599)
    return detector


def on(terminal: str, verdict: Outcome, number: int, at: float) -> Heard:
    """On an event of which only the terminal is known, elsewhere."""
    source = Source("cards", 9)
    told = {"terminal": terminal}
    return Heard(0, number, Verdict(f"a{number}", "c", verdict, "ann", at, source, number, {}, told))


def test_a_value_s_verdicts_are_a_feature_of_every_event_with_it() -> None:
    detector, now = fed(), float(BATCH.time[600])
    terminal = str(BATCH.fields["terminal"][600])
    rest = BATCH.part(600, 601)
    news = [on(terminal, "confirmed", 0, now), on(terminal, "confirmed", 1, now - 3.5 * 86_400)]
    detector.on_verdicts([*news, on(terminal, "dismissed", 2, now), on("elsewhere", "confirmed", 3, now)])
    assert not detector.windows.label.any(), "no other effect"
    assert not len(detector.feedback.labelled.rows), "no other effect"
    row = detector.features.on_batch(rest, np.full(1, np.nan))[0, RISK_COLUMN:]
    assert row.tolist() == pytest.approx([1.5, 1.0, 1.5 / 3.5])
    later = detector.features.on_batch(BATCH.part(COUNT - 1, COUNT), np.full(1, np.nan))
    assert np.isfinite(later).any()


def test_the_score_rises_with_a_confirmed_value() -> None:
    plain, told = fed(), fed()
    terminal = str(BATCH.fields["terminal"][600])
    told.on_verdicts([on(terminal, "confirmed", n, float(BATCH.time[600])) for n in range(3)])
    rest = BATCH.part(600, 601)
    assert told.on_batch(rest, 600).score[0] > plain.on_batch(rest, 600).score[0]


def test_it_is_told_in_words() -> None:
    risk = RISK.features[6]

    def told(confirmed: int, dismissed: int, value: float = 1.0) -> str:
        return sentence(Look(risk, 812, value, np.zeros(9), 9, True, "card", (confirmed, dismissed)))

    assert told(3, 0) == "terminal 812 had 3 confirmed anomalies in the last 7 days"
    assert told(1, 2) == "terminal 812 had 1 confirmed anomaly and 2 dismissed alerts in the last 7 days"
    assert told(0, 0) == "terminal 812 had no confirmed anomalies in the last 7 days"
    assert told(0, 1) == "terminal 812 had 1 dismissed alert in the last 7 days"
    assert told(0, 0, np.nan) == "terminal is missing, so no verdict is known for it"


def test_an_alert_counts_the_verdicts_that_its_feature_weighs() -> None:
    detector = fed()
    terminal = str(BATCH.fields["terminal"][600])
    detector.on_verdicts([on(terminal, "confirmed", n, float(BATCH.time[600])) for n in range(9)])
    alerts = detector.on_batch(BATCH.part(600, COUNT), COUNT - 1).alerts
    texts = [reason.text for alert in alerts for reason in alert.reasons if reason.feature == "risk"]
    assert f"terminal {terminal} had 9 confirmed anomalies in the last 7 days" in texts


def test_alerts_like_dismissed_ones_are_calmed() -> None:
    """The verdicts are on alerts of another partition, so that only what they have in common can tell."""
    detector, plain = fed(), fed()
    alert = plain.on_batch(BATCH.part(600, 1100), 1099).alerts
    dismissed = [
        Heard(0, n, Verdict(f"a{n}", "c", "dismissed", "ann", 0.0, Source("cards", 9), n, one.features))
        for n, one in enumerate(alert)
    ]
    detector.on_verdicts(dismissed)
    calmed = detector.on_batch(BATCH.part(600, 1100), 1099).alerts
    assert detector.policy.calmed > 0
    assert len(calmed) < 0.5 * len(alert)


def test_a_replay_applies_verdicts_in_event_time_however_the_file_is_cut() -> None:
    moments = BATCH.time[[300, 700, 701, 1100]].tolist()
    verdicts = [
        Verdict(f"v{n}", BATCH.entity[290 + n], "dismissed", "ann", at, Source("cards", 0), 290 + n)
        for n, at in enumerate(moments)
    ]

    def scores(size: int, given: list[Verdict]) -> tuple[np.ndarray, int]:
        replay = Replay(RISK, scorer_of_risk, topic="cards", verdicts=given)
        found = [replay.on_batch(BATCH.part(at, min(at + size, COUNT))).score for at in range(0, COUNT, size)]
        return np.concatenate(found), sum(replay.outcomes.values())

    scorer_of_risk = Scorer(load_artifact(shipped()), RISK.category, RISK.direction)
    whole, applied = scores(COUNT, verdicts[::-1])
    assert applied == 4
    assert np.array_equal(whole, scores(77, verdicts)[0])
    without, _ = scores(COUNT, [])
    assert np.array_equal(whole[:300], without[:300])
    assert not np.array_equal(whole[300:], without[300:])
