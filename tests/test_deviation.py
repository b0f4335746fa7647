"""Deviations: robust z-scores of a number against its entity's window, the same however events are batched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stream.alerts import Source
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.deviation import FARTHEST, LEAST, NORMAL, deviation
from stream.errors import ProfileError
from stream.events import from_columns
from stream.feature import Feature, Measure
from stream.profile import parse
from stream.scorer import Scorer
from stream.sentences import Look, sentence

CARD = """\
name: card
entity: {field: card}
time: {field: ts, unit: s}
features:
  - {name: amount, kind: number, field: amount, direction: high}
  - {name: amount beside the usual, kind: deviation, field: amount, direction: high}
alerts: {p: 0.01}
window: 16
"""
numbers = st.floats(-1e6, 1e6, width=32)


def test_it_is_the_z_score_by_median_and_median_deviation() -> None:
    past = np.array([[1.0, 2.0, 3.0, 4.0, np.nan, 100.0]])  # median 3, median deviation 1
    assert deviation(np.array([9.0]), past) == pytest.approx((9 - 3) / max(NORMAL, 20.2 * 0.25))
    calm = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert deviation(np.array([9.0]), calm) == pytest.approx(6 / NORMAL)
    assert deviation(np.array([9.0]), calm, of_median=True) == pytest.approx(2.0)


def test_few_values_tell_nothing() -> None:
    past = np.full((1, 16), np.nan)
    past[0, : LEAST - 1] = 1.0
    assert np.isnan(deviation(np.array([5.0]), past))
    assert np.isnan(deviation(np.array([5.0]), past[:, :0]))


def test_beside_equal_values_any_other_is_far_and_the_same_is_not() -> None:
    assert deviation(np.array([7.0, 8.0]), np.full((2, 8), 7.0)) == pytest.approx([0, 1 / 7e-3])
    assert deviation(np.array([0.0, 1e-9]), np.zeros((2, 8))) == pytest.approx([0, FARTHEST])


@given(arrays(np.float64, (3, 12), elements=numbers), arrays(np.float64, 3, elements=numbers))
def test_the_order_of_the_rows_and_rows_without_a_value_change_nothing(
    past: np.ndarray, value: np.ndarray
) -> None:
    longer = np.concatenate([past[:, ::-1], np.full((3, 4), np.nan)], axis=1)
    assert deviation(value, past) == pytest.approx(deviation(value, longer), rel=1e-9)


def test_events_of_one_batch_see_those_before_them() -> None:
    """However events are batched, their rows and what the model gives them are the same."""
    profile = parse(CARD, "card.yaml")
    rng, count = np.random.default_rng(0), 200
    columns = {
        "card": rng.choice(["a", "b", "c"], count).tolist(),
        "ts": np.arange(count, dtype=float),
        "amount": rng.gamma(2.0, 20.0, count),
    }
    batch, _ = from_columns(profile, columns, np.arange(count))
    seen = []
    for size in (1, 7, count):
        detector = Detector(profile, Scorer.for_profile(load_artifact(shipped()), profile), Source("t", 0))
        parts = [batch.part(at, min(at + size, count)) for at in range(0, count, size)]
        score = np.concatenate([detector.on_batch(part, int(part.offset[-1])).score for part in parts])
        seen.append((score, np.sort(detector.windows.row[:3], axis=None)))
    for score, rows in seen[1:]:
        np.testing.assert_array_equal(score, seen[0][0])
        np.testing.assert_array_equal(rows, seen[0][1])
    assert np.isfinite(seen[0][1][: 3 * 16]).all()


def test_a_deviation_needs_a_feature_of_its_number() -> None:
    with pytest.raises(
        ProfileError, match="field is 'other', expected the field of a feature of kind number"
    ):
        parse(CARD.replace("kind: deviation, field: amount", "kind: deviation, field: other"), "card.yaml")


def test_windows_say_nothing_of_deviations_but_what_masks_a_number_masks_them() -> None:
    profile = parse(CARD, "card.yaml")
    assert profile.deviations == ((profile.features[1], 1, 0),)
    assert profile.relative == (1,)
    masked = parse(CARD.replace("direction: high}", "mask: true}", 1), "card.yaml")
    assert masked.features[1].mask
    assert profile.numbers == ("amount",)
    assert profile.categories == ()


@pytest.mark.parametrize(
    ("of", "value", "text"),
    [
        ("spread", 9.1, "amount 900 is 9.1 times the usual deviation above this card's median"),
        ("median", -0.5, "amount 900 is 0.5 times this card's median below it"),
        ("median", np.nan, "far: too few earlier events of this card have one"),
    ],
)
def test_the_sentence_says_how_far(of: Measure, value: float, text: str) -> None:
    feature = Feature("far", "deviation", "amount", of=of)
    assert sentence(Look(feature, 900, value, np.array([]), 0, True, "card")) == text
    masked = sentence(Look(replace(feature, mask=True), 900, value, np.array([]), 0, True, "card"))
    assert masked == "far is unlike this card's"
