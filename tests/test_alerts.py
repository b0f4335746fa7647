"""Alerts: they fit their schema whatever the event, are the same bytes twice, and show nothing masked."""

import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stream.alerts import Alert, Source, alert_id, build, rfc3339
from stream.dead_letters import dead_letter
from stream.events import Decoder, Reject
from stream.features import Features
from stream.policy import Related
from stream.profile import Profile, parse
from stream.reasons import explain

VALIDATOR = Draft202012Validator(orjson.loads((resources.files("stream") / "alert.schema.json").read_bytes()))

YAML = """
name: card
entity: {field: card, noun: card}
time: {field: ts, unit: ms}
features:
  - {name: amount, kind: number, field: amount, transform: log1p, unit: EUR}
  - {name: country, kind: category, field: place.country}
  - {name: events in 10 minutes, kind: rate, of: entity, seconds: 600, direction: high}
  - {name: time since the previous event, kind: elapsed}
  - {name: time of day, kind: time_of_day}
alerts: {per_day: 50}
show: [merchant]
"""
MASKED = YAML.replace("unit: EUR", "mask: true").replace(
    "features:", "features:\n  - {name: number, kind: category, field: card, mask: true}"
)


@dataclass(frozen=True)
class Model:
    digest: str = "sha256:" + "ab" * 32
    version: str = "1.0.0"


def alert(
    profile: Profile, event: dict[str, Any], *, offset: int = 7, score: float = 0.1, seed: int = 0
) -> Alert:
    """The alert of one event after 20 random rows, as a detector would build it."""
    batch, rejects = Decoder(profile).decode(None, [orjson.dumps(event)], np.array([offset]))
    assert not rejects
    random = np.random.default_rng(seed)
    row = Features(profile, 10, 256).on_batch(batch, np.array([np.nan]))[0]
    rows = random.random((20, profile.columns), np.float32)
    fields = {path: column[0] for path, column in batch.fields.items()}
    reasons, evidence = explain(
        profile,
        fields,
        row,
        window=rows,
        mask=np.float32(random.random(20) < 0.5),
        peers=rows,
        peers_mask=np.ones(20, np.float32),
        attribution=random.dirichlet(np.ones(profile.columns)).astype(np.float32),
    )
    return build(
        profile,
        fields,
        row,
        entity=batch.entity[0],
        time=float(batch.time[0]),
        source=Source("events", 3),
        offset=offset,
        score=score,
        p_value=1e-5,
        threshold=1e-4,
        severity="high",
        related=Related(2, 1.7e9),
        model=Model(),
        reasons=reasons,
        evidence=evidence,
    )


EVENT = {
    "card": "4000-12",
    "ts": 1_769_829_165_123,
    "amount": 1250.5,
    "place": {"country": "BR"},
    "merchant": "m1",
}
VALUES = st.one_of(st.none(), st.text(max_size=20), st.integers(-(2**53), 2**53), st.booleans())
EVENTS = st.fixed_dictionaries(
    {"card": st.text(min_size=1, max_size=30), "ts": st.integers(0, 4_000_000_000_000)},
    optional={
        "amount": st.floats(-1e30, 1e30) | st.none() | st.integers(-(2**53), 2**53),
        "place": st.fixed_dictionaries({"country": VALUES}),
        "merchant": st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
    },
)


@settings(deadline=None, max_examples=150)
@given(EVENTS, st.sampled_from([YAML, MASKED]), st.floats(0, 1, width=32), st.integers(0, 2**62))
def test_any_alert_fits_the_schema(event: dict[str, Any], yaml: str, score: float, seed: int) -> None:
    profile = parse(yaml, "test")
    body = alert(profile, event, score=score, seed=seed).body()
    VALIDATOR.validate(orjson.loads(body))
    assert alert(profile, event, score=score, seed=seed).body() == body
    assert np.float32(orjson.loads(body)["score"]) == np.float32(score)


def test_the_schema_refuses_what_is_not_an_alert() -> None:
    good = orjson.loads(alert(parse(YAML, "test"), EVENT).body())
    for change in ({"score": 2}, {"id": "x"}, {"severity": "low"}, {"time": "yesterday"}, {"more": 1}):
        assert not VALIDATOR.is_valid(good | change)


def test_the_body_says_all_that_the_design_asks() -> None:
    body = orjson.loads(alert(parse(YAML, "test"), EVENT, score=float(np.float32(0.1))).body())
    assert body["score"] == 0.1
    assert body["time"] == "2026-01-31T03:12:45.123Z"
    assert body["source"] == {"topic": "events", "partition": 3, "offset": 7}
    assert body["related"] == {"count": 2, "first_seen": "2023-11-14T22:13:20.000Z"}
    assert body["event"] == {
        "card": "4000-12",
        "ts": 1_769_829_165_123,
        "amount": 1250.5,
        "place.country": "BR",
        "merchant": "m1",
    }
    assert body["features"] == {
        "amount": 1250.5,
        "country": "BR",
        "events in 10 minutes": 1.0,
        "time since the previous event": None,
        "time of day": "03:12",
    }


def test_headers_are_a_cloud_event() -> None:
    built = alert(parse(YAML, "test"), EVENT)
    assert dict(built.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": built.id.encode(),
        "ce_source": b"/onsight/card",
        "ce_type": b"dev.onsight.alert.v1",
        "ce_time": b"2026-01-31T03:12:45.123Z",
        "ce_subject": b"4000-12",
        "content-type": b"application/json",
    }
    assert built.key == b"4000-12"


def test_what_is_masked_leaves_nowhere() -> None:
    built = alert(parse(MASKED, "test"), EVENT)
    everything = built.body() + built.key + b"".join(value for _, value in built.headers())
    assert b"4000-12" not in everything
    assert not re.search(rb"1,?250", everything)
    body = orjson.loads(built.body())
    assert body["event"]["card"] == body["event"]["amount"] == body["features"]["amount"] == "***"
    assert re.fullmatch("sha256:[0-9a-f]{16}", body["entity"])
    assert built.key.decode() == body["entity"]


def test_an_id_is_the_event_and_the_model() -> None:
    seen = {
        alert_id(source, offset, digest)
        for source in (Source("a", 1), Source("a", 2), Source("b", 1))
        for offset in (1, 2)
        for digest in ("sha256:1", "sha256:2")
    }
    assert len(seen) == 12
    assert alert_id(Source("events", 3), 7, "sha256:1") == "d009bcd9f84dbd07ca9315074b0283c6"


@pytest.mark.parametrize("time", [0.0, 1e9, 4e9])
def test_times_are_rfc_3339(time: float) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rfc3339(time))


def test_a_dead_letter_says_why_and_whence() -> None:
    assert dead_letter(Reject(0, 12, "not-json", "the value is not JSON"), "events", 3) == [
        ("reason", b"not-json"),
        ("detail", b"the value is not JSON"),
        ("topic", b"events"),
        ("partition", b"3"),
        ("offset", b"12"),
    ]
