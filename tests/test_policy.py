"""Policy: the same alerts however events are split and wherever it restarts, inside the budget, early."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.days import DAY
from stream.errors import StateError
from stream.policy import Judgement, Policy, Related
from stream.profile import AlertRule

EPOCH = 256


def events(seed: int, n: int, pace: float = 30.0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Scores, times and entities of a stream with a few strange events, slightly out of order."""
    random = np.random.default_rng(seed)
    score = (random.random(n) / 2).astype(np.float32)
    strange = random.random(n) < 0.02
    score[strange] += random.random(np.count_nonzero(strange)).astype(np.float32) / 2
    time = 1.7e9 + np.arange(n) * pace + random.normal(0, 2 * pace, n)
    return score, time, [f"card {k}" for k in random.integers(0, 20, n)]


def run(
    policy: Policy, stream: tuple[np.ndarray, np.ndarray, list[str]], cuts: Sequence[int] = ()
) -> list[Judgement]:
    """Judge a stream cut at epochs and at `cuts`."""
    score, time, entity = stream
    ends = sorted({*cuts, *range(EPOCH, len(score), EPOCH), len(score)})
    judgements, start = [], 0
    for end in ends:
        part = slice(start, end)
        judgements.append(policy.on_batch(score[part], time[part], entity[part]))
        if end % EPOCH == 0:
            policy.close_epoch()
        start = end
    return judgements


def outcome(judgements: list[Judgement]) -> tuple[object, ...]:
    return (
        np.concatenate([j.p_value for j in judgements]).tolist(),
        np.concatenate([j.alert for j in judgements]).tolist(),
        [severity for j in judgements for severity in j.severity],
        [related for j in judgements for related in j.related],
    )


RULES = st.sampled_from(
    [AlertRule(None, 0.01, 3600.0), AlertRule(40.0, None, 3600.0), AlertRule(400.0, None, 0.0)]
)


@settings(max_examples=40, deadline=None)
@given(RULES, st.integers(0, 99), st.lists(st.integers(1, 1499), max_size=12))
def test_where_batches_begin_changes_nothing(rule: AlertRule, seed: int, cuts: list[int]) -> None:
    stream = events(seed, 1500)
    whole = outcome(run(Policy(rule, 1.0), stream))
    assert outcome(run(Policy(rule, 1.0), stream, cuts)) == whole
    assert any(whole[1])


@settings(max_examples=40, deadline=None)
@given(
    RULES,
    st.integers(0, 99),
    st.lists(st.integers(0, 1500), min_size=1, max_size=8),
    st.none() | st.integers(0, 1400),
)
def test_a_restored_policy_goes_on_as_if_nothing_happened(
    rule: AlertRule, seed: int, crashes: list[int], relabelled: int | None
) -> None:
    score, time, entity = events(seed, 1500)
    if relabelled is not None:
        score[relabelled:] /= 4
    policy, restarted = Policy(rule, 1.0), Policy(rule, 1.0)
    changelog: dict[bytes, bytes | None] = {}
    start = 0
    for end in sorted({*crashes, *range(EPOCH, 1500, EPOCH), relabelled or 1500, 1500}):
        part = slice(start, end)
        if start == relabelled:
            policy.relabel()
            restarted.relabel()
        undisturbed = policy.on_batch(score[part], time[part], entity[part])
        assert outcome([restarted.on_batch(score[part], time[part], entity[part])]) == outcome([undisturbed])
        assert restarted.budget_use == policy.budget_use
        if end % EPOCH == 0:
            assert policy.close_epoch() == restarted.close_epoch()
        changelog.update(restarted.changes())
        if end in crashes:
            restarted = Policy(rule, 1.0)
            for key in sorted(changelog, reverse=True):
                restarted.restore(key, changelog[key])
            assert restarted.changes() == []
            assert all(key.startswith(Policy.prefix) for key in changelog)
        start = end


def test_changes_are_small_and_written_once() -> None:
    policy = Policy(AlertRule(50.0, None), 1.0)
    run(policy, events(1, EPOCH * 3))
    assert sorted(len(value or b"") for _, value in policy.changes())[-1] < 2_000
    assert policy.changes() == []
    policy.close_epoch()
    assert policy.changes() == []


def test_nothing_alerts_before_there_is_a_reference() -> None:
    judgement = Policy(AlertRule(50.0, None), 1.0).on_batch(np.float32([1.0]), np.array([0.0]), ["a"])
    assert judgement.p_value.tolist() == [1.0]
    assert judgement.threshold == 0
    assert not judgement.alert.any()


def stationary(days: float, per_day: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    n = int(days * per_day)
    score = np.random.default_rng(seed).random(n, np.float32)
    return score, 1.7e9 + np.arange(n) * DAY / per_day, [str(k) for k in range(n)]


def test_a_budget_is_met_early_and_never_overrun() -> None:
    score, time, entity = stationary(days=6, per_day=20_000)
    judgements = run(Policy(AlertRule(50.0, None), 0.25), (score, time, entity))
    at = (time[np.concatenate([j.alert for j in judgements])] - time[0]) / DAY
    assert at[0] < 0.1, "the first alert comes in the first hours"
    assert np.count_nonzero(at < 0.1) <= 7, "and the day's budget is not gone by then"
    per_day = np.histogram(at, bins=range(7))[0]
    assert per_day.max() <= 12.5 * 1.5
    assert 12.5 * 6 * 0.6 < per_day.sum() <= 12.5 * 6.5


def test_a_flood_leaves_alerts_for_the_rest_of_the_day() -> None:
    score, time, entity = stationary(days=3, per_day=20_000)
    score[25_000:27_000] += 1
    policy = Policy(AlertRule(50.0, None), 1.0)
    alert = np.concatenate([j.alert for j in run(policy, (score, time, entity))])
    assert 10 <= np.count_nonzero(alert[25_000:27_000]) <= 31
    assert policy.over_budget > 0
    assert policy.alerts == np.count_nonzero(alert)


def test_severity_follows_the_p_value() -> None:
    policy = Policy(AlertRule(None, 0.02, suppress=0.0), 1.0)
    run(policy, stationary(1, EPOCH * 8))
    judgement = policy.on_batch(np.float32([0.9, 0.985, 0.9975, 1.0]), np.zeros(4), ["a"] * 4)
    assert judgement.alert.tolist() == [False, True, True, True]
    assert judgement.severity == ("medium", "high", "critical")
    assert judgement.threshold == 0.02


@pytest.fixture
def calibrated() -> Policy:
    """A policy with a fixed p of 0.02 and a window of 100 s, after 2,048 scores spread over [0, 1]."""
    policy = Policy(AlertRule(None, 0.02, suppress=100.0), 1.0)
    for _ in range(8):
        policy.on_batch(np.linspace(0, 1, EPOCH, dtype=np.float32), np.zeros(EPOCH), [""] * EPOCH)
        policy.close_epoch()
    return policy


def alerts(policy: Policy, *seen: tuple[float, float]) -> list[tuple[str, Related]]:
    """What becomes of (score, time) events of one card."""
    judgement = policy.on_batch(
        np.float32([s for s, _ in seen]), np.array([t for _, t in seen]), ["card"] * len(seen)
    )
    return list(zip(judgement.severity, judgement.related, strict=True))


def test_repeats_fold_into_the_first_alert(calibrated: Policy) -> None:
    assert alerts(calibrated, (0.985, 1000), (0.986, 1050), (0.985, 1020)) == [("medium", Related(0, None))]
    assert alerts(calibrated, (0.985, 1100)) == [("medium", Related(2, 1020.0))]
    assert calibrated.folded >= 2


def test_a_worse_repeat_breaks_through(calibrated: Policy) -> None:
    expected = [("medium", Related(0, None)), ("critical", Related(1, 1001.0))]
    assert alerts(calibrated, (0.985, 1000), (0.985, 1001), (2.0, 1002), (0.997, 1003)) == expected


def test_episodes_are_forgotten_with_a_tombstone(calibrated: Policy) -> None:
    alerts(calibrated, (0.985, 1000))
    assert b"pecard" in dict(calibrated.changes())
    calibrated.on_batch(np.zeros(3, np.float32), np.full(3, 1200.0), ["x"] * 3)
    calibrated.close_epoch()
    assert dict(calibrated.changes())[b"pecard"] is None


def test_one_wrong_clock_does_not_stop_the_budget() -> None:
    score, time, entity = stationary(days=3, per_day=20_000)
    time[30_000], score[30_000] = time[0] + 365 * DAY, 2.0
    alert = np.concatenate([j.alert for j in run(Policy(AlertRule(50.0, None), 1.0), (score, time, entity))])
    assert np.count_nonzero(alert[40_000:]) > 20


def test_a_record_that_is_not_ours_is_refused() -> None:
    policy = Policy(AlertRule(50.0, None), 1.0)
    for key, value in {
        b"px": b"\x01",
        b"pp": b"\x09" * 17,
        b"pb": b"\x09",
        b"pecard": b"",
        b"pc\x00\x00": b"\x02",
    }.items():
        with pytest.raises(StateError, match="expected"):
            policy.restore(key, value)
