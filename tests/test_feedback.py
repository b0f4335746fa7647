"""What a partition knows of verdicts: newest kept, balanced, fading, and the same after a restart."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.fading import Fading
from stream.feedback import OF_ONE, Feedback

verdicts = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([1, -1]), st.integers(0, 3)), max_size=40)


def add(feedback: Feedback, subject: object, label: int, value: float, at: float = 0.0) -> None:
    row = np.full(2, float(value), np.float32)
    feedback.add(str(subject), label, at, row, np.array([value], np.float32))


@settings(max_examples=100, deadline=None)
@given(verdicts, st.integers(1, 8), st.integers(0, 40))
def test_the_changelog_restores_the_same(given_, most: int, cut: int) -> None:
    feedback, copy = Feedback(2, 1, most, 3), Feedback(2, 1, most, 3)
    log: dict[bytes, bytes | None] = {}
    for number, (subject, label, value) in enumerate(given_):
        add(feedback, subject, label, value, number)
        feedback.hear(0, (number, f"digest {number}"))
        if number == cut:
            log.update(feedback.changes())
    log.update(feedback.changes())
    copy.restore(dict(list(log.items())[::2]))
    copy.restore(dict(list(log.items())[1::2]))
    assert copy.heard == feedback.heard
    probe = np.arange(4, dtype=np.float32)
    for each in (1, -1):
        known = [f.known_for(0, each, probe, np.full(4, 50.0), Fading(100.0)) for f in (feedback, copy)]
        assert np.array_equal(*known)
    for name in ("rows", "mask", "label"):
        assert np.array_equal(getattr(copy.labelled, name), getattr(feedback.labelled, name))
    add(feedback, "new", 1, 2)
    add(copy, "new", 1, 2)
    assert np.array_equal(copy.labelled.rows, feedback.labelled.rows)


def test_labelled_rows_are_the_newest_and_balanced() -> None:
    feedback = Feedback(2, 1, 100, share=2)
    assert feedback.labelled.rows.shape == (0, 2)
    for subject in range(10):
        add(feedback, subject, 1, subject)
    add(feedback, "other", -1, 50)
    labelled = feedback.labelled
    present = labelled.mask > 0
    assert labelled.rows[present, 0].tolist() == [9, 8, 50]
    assert labelled.label[present].tolist() == [1, 1, -1]
    assert not labelled.label[~present].any()
    assert feedback.labelled is labelled, "made anew only when a verdict was applied"


def test_rows_come_in_few_shapes() -> None:
    feedback = Feedback(2, 1, 1000, share=100)
    shapes = set()
    for subject in range(300):
        add(feedback, subject, 1 - 2 * (subject % 3 == 0), subject)
        shapes.add(len(feedback.labelled.rows))
    assert shapes == {16, 32, 64, 128, 256}
    assert feedback.labelled.mask.sum() == 200


def test_the_newest_of_a_value_count() -> None:
    feedback = Feedback(2, 1)
    for subject in range(OF_ONE + 9):
        add(feedback, subject, 1, 7, at=10.0)
    code, time = np.array([7], np.float32), np.array([10.0])
    assert feedback.known_for(0, 1, code, time, Fading(5.0))[0] == OF_ONE
    assert feedback.count(0, 1, 7.0, 10.0, Fading(5.0)) == OF_ONE
    assert feedback.count(0, 1, 7.0, 16.0, Fading(5.0)) == 0
    assert feedback.count(0, -1, 7.0, 10.0, Fading(5.0)) == feedback.count(0, 1, 8.0, 10.0, Fading(5.0)) == 0


def test_a_changed_mind_replaces_and_verdicts_fade() -> None:
    feedback = Feedback(2, 1)
    code, time = np.array([7, 8, np.nan], np.float32), np.full(3, 150.0)
    add(feedback, "a", 1, 7, at=100.0)
    add(feedback, "b", 1, 7, at=200.0)  # given after the event: as fresh as can be
    assert feedback.known_for(0, 1, code, time, Fading(100.0)).tolist()[:2] == [1.5, 0.0]
    assert np.isnan(feedback.known_for(0, 1, code, time, Fading(100.0))[2])
    add(feedback, "a", -1, 7, at=120.0)
    assert feedback.known_for(0, 1, code, time, Fading(100.0))[0] == 1.0
    assert feedback.known_for(0, -1, code, time, Fading(100.0))[0] == 0.7
    assert feedback.known_for(0, -1, code, time + 100, Fading(100.0))[0] == 0.0
