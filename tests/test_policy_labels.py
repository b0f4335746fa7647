"""Labels that move all scores: the policy judges by the new ones alone, and by all where they do not."""

import numpy as np

from stream.policy import Policy
from stream.profile import AlertRule


def share(policy: Policy, score: np.ndarray) -> float:
    """Of scores, one an hour, those that are among the tenth that is strangest; the epoch is closed after them."""
    time = 3600.0 * np.arange(len(score))
    judgement = policy.on_batch(score.astype(np.float32), time, ["card"] * len(score))
    return float((judgement.p_value <= 0.1).mean())


def relearned(relabel: bool, factor: float) -> tuple[Policy, list[bool], float]:
    """A policy whose scores change by a factor after 40 epochs, where it began anew, and the `share` after."""
    random, policy = np.random.default_rng(2), Policy(AlertRule(None, 0.1, 0.0), 1.0)
    for _ in range(40):
        share(policy, random.random(512))
        policy.close_epoch()
    if relabel:
        policy.relabel()
    anew = []
    for _ in range(2):
        share(policy, factor * random.random(512))
        anew.append(policy.close_epoch())
    return policy, anew, share(policy, factor * random.random(512))


def test_labels_that_move_the_scores_begin_a_new_reference() -> None:
    policy, anew, strange = relearned(True, 0.25)
    assert anew == [True, False]
    assert 0.07 < strange < 0.13
    restored = Policy(AlertRule(None, 0.1, 0.0), 1.0)
    for key, value in policy.changes():
        restored.restore(key, value)
    scores = 0.25 * np.random.default_rng(3).random(512)
    assert share(restored, scores) == share(policy, scores)


def test_labels_that_leave_the_scores_leave_the_reference() -> None:
    policy, anew, strange = relearned(True, 1.0)
    assert anew == [False, False]
    assert 0.07 < strange < 0.13
    assert len([key for key, value in policy.changes() if key.startswith(b"pc") and value]) >= 42


def test_a_stream_that_moves_without_labels_is_held_against_what_was() -> None:
    _, anew, strange = relearned(False, 0.25)
    assert anew == [False, False]
    assert strange == 0.0
