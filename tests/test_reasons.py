"""Reasons: sentences as a person would write them, shares that add up, and nothing masked in the clear."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream.feature import Feature
from stream.profile import Profile, parse
from stream.reasons import Reason, explain

PROFILE = parse(
    """
name: card
entity: {field: card, noun: card}
time: {field: ts, unit: ms}
features:
  - {name: amount, kind: number, field: amount, transform: log1p, unit: EUR}
  - {name: balance, kind: number, field: balance, transform: signed_log}
  - {name: latitude, kind: number, field: lat}
  - {name: country, kind: category, field: country}
  - {name: events in 10 minutes, kind: rate, of: entity, seconds: 600, direction: high}
  - {name: time since the previous event, kind: elapsed}
  - {name: time of day, kind: time_of_day}
alerts: {per_day: 50}
""",
    "test",
)
NAMES = [feature.name for feature in PROFILE.features]
USUAL = {
    "amount": 137.0,
    "balance": 500.0,
    "lat": 48.85,
    "country": 7.0,
    "rate": 2.0,
    "elapsed": 5 * 3600.0,
    "hour": 14.5,
}
FIELDS = {"amount": 1250.0, "balance": -20, "lat": -33.9, "country": "BR"}


def row(**changed: float) -> np.ndarray:
    """The columns of a usual event, or one that differs."""
    event = USUAL | changed
    angle = event["hour"] / 24 * 2 * np.pi
    signed = np.sign(event["balance"]) * np.log1p(abs(event["balance"]))
    logs = np.log1p([event["rate"], event["elapsed"]])
    start = [np.log1p(event["amount"]), signed, event["lat"], event["country"]]
    return np.array([*start, *logs, np.sin(angle), np.cos(angle)], np.float32)


def rows(count: int, **changed: float) -> np.ndarray:
    return np.array([row(**changed)] * count, np.float32).reshape(count, 8)


def about(
    *features: str,
    event: np.ndarray,
    own: np.ndarray,
    peers: np.ndarray | None = None,
    fields: Mapping[str, object] = FIELDS,
    profile: Profile = PROFILE,
) -> tuple[tuple[Reason, ...], tuple[Mapping[str, str], ...]]:
    """Reasons for an event that is strange in these features, the first the most."""
    attribution = np.zeros(8, np.float32)
    weights = np.arange(len(features), 0, -1)
    for name, weight in zip(features, weights / weights.sum(), strict=True):
        attribution[profile.column_owner.index(NAMES.index(name))] = weight
    pad = np.zeros((64 - len(own), 8), np.float32)
    crowd = peers if peers is not None else rows(0)
    return explain(
        profile,
        fields,
        event,
        window=np.concatenate([pad, own]),
        mask=np.repeat(np.float32([0, 1]), [len(pad), len(own)]),
        peers=crowd,
        peers_mask=np.ones(len(crowd), np.float32),
        attribution=attribution,
    )


def text(feature: str, event: np.ndarray, own: np.ndarray | None = None, **others: object) -> str:
    window = rows(64) if own is None else own
    reasons, _ = about(feature, event=event, own=window, **others)  # type: ignore[arg-type]
    return reasons[0].text


STRANGE = row(amount=1250, balance=-20, lat=-33.9, country=9, rate=18, elapsed=12, hour=3.2)
SPREAD = np.array([row(amount=a, lat=48 + a / 200) for a in range(100, 164)])


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("amount", "amount 1,250.00 EUR is 9.1 times this card's median of 137.00"),
        ("balance", "balance -20 is far below this card's median of 500"),
        ("latitude", "latitude -33.90 is far below this card's median of 48.85"),
        ("country", "country BR was not seen in this card's last 64 events"),
        ("events in 10 minutes", "18 events in 10 minutes, typically 2"),
        ("time since the previous event", "12 s since the previous event, typically 5 h"),
        ("time of day", "at 03:12 UTC; this card is usually active around 14:30"),
    ],
)
def test_an_event_beside_its_own_past(feature: str, expected: str) -> None:
    assert text(feature, STRANGE) == expected


def test_smaller_differences_are_told_more_carefully() -> None:
    fields = FIELDS | {"amount": 20.0}
    assert (
        text("amount", row(amount=20), fields=fields)
        == "amount 20.00 EUR is far below this card's median of 137.00"
    )
    fields = FIELDS | {"amount": 170.0}
    expected = "amount 170.00 EUR is above this card's median of 131.50"
    assert text("amount", row(amount=170), own=SPREAD, fields=fields) == expected
    fields = FIELDS | {"amount": 140.0}
    expected = "amount 140.00 EUR is unusual beside this card's median of 131.50"
    assert text("amount", row(amount=140), own=SPREAD, fields=fields) == expected
    assert text("country", STRANGE, own=np.concatenate([rows(60), rows(2, country=9)])) == (
        "country BR was seen in 2 of this card's last 62 events"
    )
    assert text("events in 10 minutes", row(rate=1.8)) == "about 1.8 events in 10 minutes, typically 2"
    anytime = np.array([row(hour=hour) for hour in range(24)])
    assert text("time of day", STRANGE, own=anytime) == (
        "at 03:12 UTC; 2 of this card's last 24 events were within an hour of it"
    )


def test_a_new_entity_is_compared_with_its_peers() -> None:
    fields = FIELDS | {"amount": 900.0}
    event = row(amount=900, country=9, elapsed=np.nan)
    peers = rows(128, amount=35.0)
    strange = ("amount", "country", "time since the previous event")
    reasons, evidence = about(*strange, event=event, own=rows(0), peers=peers, fields=fields)
    assert [reason.text for reason in reasons] == [
        "first event of this card; amount 900.00 EUR is high among its peers (median 35.00)",
        "country BR was not seen in 128 recent events of its peers",
        "first event of this card",
    ]
    assert reasons[0].typical == 35.0
    assert evidence[0]["amount"] == "35.00 EUR"
    few = text("amount", event, own=rows(3), peers=peers, fields=fields)
    assert few == "amount 900.00 EUR is high among its peers (median 35.00)"


def test_with_no_context_at_all_there_is_still_a_sentence() -> None:
    for feature in NAMES:
        assert text(feature, STRANGE, own=rows(0)).startswith("first event of this card; ")


def test_missing_values_are_called_missing() -> None:
    event = row(amount=np.nan, country=np.nan)
    fields = {"lat": 48.85}
    reasons, _ = about("amount", "country", event=event, own=rows(64), fields=fields)
    assert [reason.text for reason in reasons] == [
        "amount is missing; 64 of this card's last 64 events had one",
        "country is missing; 64 of this card's last 64 events had one",
    ]
    assert [reason.value for reason in reasons] == [None, None]
    assert text("amount", STRANGE, own=rows(64, amount=np.nan)) == (
        "amount 1,250.00 EUR: none of this card's last 64 events had one"
    )


def test_shares_are_summed_sorted_and_cut() -> None:
    reasons, _ = about("time of day", "amount", "country", "latitude", "balance", event=STRANGE, own=rows(64))
    assert [reason.feature for reason in reasons] == ["time of day", "amount", "country"]
    assert [reason.share for reason in reasons] == [0.3333, 0.2667, 0.2]
    attribution = np.float32([0.04, 0, 0, 0, 0, 0, 0.46, 0.5])
    none = np.zeros((0, 8), np.float32)
    context = {"window": none, "mask": none[:, 0], "peers": none, "peers_mask": none[:, 0]}
    only, _ = explain(PROFILE, FIELDS, STRANGE, **context, attribution=attribution)
    assert [(reason.feature, reason.share) for reason in only] == [("time of day", 0.96)]


def test_evidence_is_the_most_similar_past() -> None:
    own = np.concatenate([rows(40), rows(1, amount=800), rows(20), rows(1, country=9)])
    _, evidence = about("amount", "country", event=STRANGE, own=own)
    assert evidence[0]["amount"] == "800.00 EUR"
    assert evidence[1]["country"] == "the same"
    assert evidence[2]["country"] == "another"
    assert evidence[2]["time since the previous event"] == "5 h"
    assert evidence[2]["time of day"] == "14:30"


def masked(profile: Profile) -> Profile:
    return replace(profile, features=tuple(replace(feature, mask=True) for feature in profile.features))


@pytest.mark.parametrize("own", [rows(64), rows(0)])
@pytest.mark.parametrize("feature", NAMES)
def test_a_masked_feature_shows_no_value(feature: str, own: np.ndarray) -> None:
    reasons, evidence = about(feature, event=STRANGE, own=own, peers=rows(64), profile=masked(PROFILE))
    assert (reasons[0].value, reasons[0].typical) == ("***", "***")
    assert set(re.findall(r"[\d.,]+", reasons[0].text)) <= {"9.1", "10", "64"}, "a ratio, a name, a count"
    assert "BR" not in reasons[0].text
    assert {value for seen in evidence for value in seen.values()} == {"***"}


COLUMNS = st.one_of(st.floats(width=32), st.sampled_from([0.0, np.nan, 88.0, 800.0, -1.0]))


@settings(deadline=None, max_examples=150)
@given(
    hnp.arrays(np.float32, 8, elements=COLUMNS),
    hnp.arrays(np.float32, (8, 8), elements=COLUMNS),
    hnp.arrays(np.float32, 8, elements=st.sampled_from([0.0, 1.0])),
    hnp.arrays(np.float32, 8, elements=st.floats(0, 1, width=32)),
)
def test_whatever_the_columns_hold_there_are_words(
    event: np.ndarray, context: np.ndarray, mask: np.ndarray, attribution: np.ndarray
) -> None:
    inputs = {"window": context, "mask": mask, "peers": context, "peers_mask": 1 - mask}
    once = explain(PROFILE, FIELDS, event, **inputs, attribution=attribution)
    assert explain(PROFILE, FIELDS, event, **inputs, attribution=attribution) == once
    reasons, evidence = once
    assert len(reasons) <= 3
    assert len(evidence) == min(
        3, np.count_nonzero(mask) if mask.sum() >= 5 or mask.all() else 8 - mask.sum()
    )
    assert all(reason.text and "nan" not in reason.text for reason in reasons)


def test_a_long_category_is_cut() -> None:
    feature: Feature = PROFILE.features[3]
    assert len(text(feature.name, STRANGE, fields={"country": "x " * 1000})) < 200
