"""Looking back: thresholds and folds agree with the alerts that the detector gave."""

import numpy as np
import pytest

from stream.artifact import load_artifact, shipped
from stream.profile import load
from stream.sandbox.cards import simulate
from stream.sandbox.hindsight import Hindsight, decoded, look_back
from stream.sandbox.stage import PROFILE
from stream.sandbox.summary import by_kind, score
from stream.sandbox.truth import NOWHERE, cases
from stream.scorer import Scorer

STREAM = simulate(150, 60, 30, seed=2, fraud_rate=0.05)


@pytest.fixture(scope="module")
def seen() -> Hindsight:
    profile = load(str(PROFILE))
    scorer = Scorer(load_artifact(shipped()), profile.category, profile.direction)
    return look_back(profile, scorer, tuple(decoded(profile, tuple(STREAM.records()))), partitions=2)


def test_every_alert_is_inside_the_budget_that_was_worked_out_again(seen: Hindsight) -> None:
    assert len(seen.alerts) == seen.outcome.alerts > 10
    assert seen.inside[seen.outcome.alert].all()
    told = {(alert.p_value, alert.threshold) for alert in seen.alerts}
    alert = seen.outcome.alert
    assert told == set(zip(seen.p_value[alert].tolist(), seen.threshold[alert].tolist(), strict=True))


def test_what_was_folded_lies_shortly_after_an_alert_of_its_card(seen: Hindsight) -> None:
    folded = np.flatnonzero(seen.outcome.into != NOWHERE)
    into = seen.outcome.into[folded]
    assert len(folded)
    assert seen.outcome.alert[into].all()
    assert (STREAM.purchases["card"][folded] == STREAM.purchases["card"][into]).all()
    assert (STREAM.time_ms[folded] - STREAM.time_ms[into] < load(str(PROFILE)).alerts.suppress * 1000).all()
    counted = sum(alert.related.count for alert in seen.alerts)
    assert 0 < counted <= len(folded)


def test_every_missed_case_has_a_reason(seen: Hindsight) -> None:
    planted = cases(STREAM)
    kinds = by_kind(planted, seen)
    assert sum(kind.cases for kind in kinds) == len(planted)
    assert all(kind.caught + sum(kind.missed.values()) == kind.cases for kind in kinds)
    assert score("onsight", planted, seen.outcome).caught == sum(kind.caught for kind in kinds) > 0
