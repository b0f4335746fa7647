"""What a manifest says of a stream's usual values: comes back as it was written, and is refused with what was seen."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pytest
from card_stream import PROFILE, profile
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.bins import BINS, Bins, Histogram
from stream.drift_reference import Reference, read_references, reference_for, told, watched, written
from stream.errors import ContractError
from stream.profile import parse

NAMES = [profile().features[profile().column_owner[column]].name for column in told(profile())]
VALUES = st.floats(width=32, allow_infinity=False) | st.integers(0, 3).map(float)


def made(values: np.ndarray) -> Reference:
    """The reference of rows [N, C + 1], the scores last."""
    category = np.append(profile().category[told(profile())] > 0, False)
    bins = Bins.of(values, category)
    *features, score = (Histogram(*column) for column in zip(bins.edges, bins.count(values), strict=True))
    return written(profile(), len(values), features, score)


def section(reference: Reference) -> dict[str, Any]:
    """The manifest's section, through JSON."""
    found: dict[str, Any] = orjson.loads(orjson.dumps({profile().name: reference.model_dump()}))
    return found


def usual() -> Reference:
    return made(np.random.default_rng(1).random((500, len(NAMES) + 1), np.float32))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=len(NAMES) + 1, max_size=len(NAMES) + 1), min_size=1, max_size=30))
def test_a_reference_comes_back_from_a_manifest_as_it_was(rows: list[list[float]]) -> None:
    values = np.array(rows, np.float32)
    reference = made(values)
    assert reference.events == len(rows)
    found = reference_for(profile(), section(reference), "manifest.json")
    assert found == reference
    for column, name in enumerate(NAMES):
        bins = Bins.of(values[:, [column]], profile().category[told(profile())][[column]] > 0)
        histogram = found.features[name].histogram
        np.testing.assert_array_equal(histogram.edges, bins.edges[0])
        np.testing.assert_array_equal(histogram.counts, bins.count(values[:, [column]])[0])


def test_a_reference_without_scores_is_of_the_features_alone() -> None:
    reference = Reference(events=500, features=usual().features)
    assert reference_for(profile(), section(reference), "manifest.json") == reference


def test_every_reference_of_a_section_is_read_whatever_the_profile() -> None:
    told = section(usual())
    assert read_references(told, "manifest.json") == {"often": usual()}
    with pytest.raises(ContractError, match=r"drift of profile 'another': all of it: .* found 'whatever'"):
        read_references(told | {"another": "whatever"}, "manifest.json")


def test_a_manifest_that_says_nothing_of_the_profile_has_no_reference() -> None:
    assert reference_for(profile(), {}, "manifest.json") is None
    assert reference_for(profile(), {"another": "whatever"}, "manifest.json") is None


def test_what_is_masked_and_what_is_not_watched_is_not_told() -> None:
    masked = parse(PROFILE.replace("field: country", "field: country, mask: true"), "masked.yaml")
    assert len(told(masked)) == len(told(profile())) - 1 == len(watched(masked)) - 1
    assert "time of day" not in NAMES


Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, value: object) -> Change:
    def change(found: dict[str, Any]) -> None:
        *way, last = path
        for part in way:
            found = found[part]
        found[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("often", value=3), "drift of profile 'often': all of it: .* found 3"),
        (put("often", "score", value=3), "score: .* found 3"),
        (put("often", "events", value=499), "counts of 'amount' that sum to the 499 events, not 500"),
        (put("often", "score", "counts", value=[0] * 41), "counts of 'score' .* not 0"),
        (put("often", "score", "counts", value=[1] * 40), "score.counts: .* at least 41 items"),
        (
            put("often", "score", "counts", 2, value=-1),
            "score.counts.2: .* greater than or equal to 0, found -1",
        ),
        (put("often", "score", "counts", 2, value=1 << 16), "score.counts.2: .* 65535, found 65536"),
        (put("often", "features", "amount", "edges", value=[2, 1]), "features.amount: .*edges that rise"),
        (
            put("often", "features", "amount", "edges", value=[1e39]),
            r"features.amount.edges.0: .*found 1e\+39",
        ),
        (
            put("often", "features", "amount", "edges", value=[0.5] * 40),
            "features.amount.edges: .* at most 39",
        ),
        (
            put("often", "features", "country", "edges", value=[4.0] * 10),
            "features.country: .*at most 9 codes",
        ),
        (put("often", "more", value=1), "more: .* found 1"),
        (
            put("often", "features", "amount", "of", value="number amount"),
            "expected feature 'amount' to be 'number amount log1p' as the profile has it, found 'number amount'; "
            "write the reference anew",
        ),
        (
            put("often", "features", value={}),
            "expected feature 'amount' to be 'number amount log1p' as the profile has it, found None",
        ),
        (
            put("often", "score", "of", value="window 64"),
            "expected the score to be 'window 8 peers 16' .*'window 64'",
        ),
    ],
)
def test_a_reference_that_does_not_fit_is_refused_with_what_was_seen(change: Change, said: str) -> None:
    found = section(usual())
    change(found)
    with pytest.raises(ContractError, match=rf"^model/manifest\.json: .*{said}"):
        reference_for(profile(), found, "model/manifest.json")


def test_a_section_that_is_none_is_refused() -> None:
    with pytest.raises(
        ContractError, match=r"manifest\.json: drift: expected references .* found \['often'\]"
    ):
        reference_for(profile(), ["often"], "manifest.json")


def test_all_bins_are_counted() -> None:
    assert len(usual().score.counts) == BINS
