from typing import Any

import numpy as np
import orjson

from stream.events import decode
from stream.profile import Profile, parse
from stream.survey import Survey

PROFILE = """
name: test
entity: {field: card}
time: {field: ts, unit: s}
features:
  - {name: amount, kind: number, field: amount, transform: log1p}
  - {name: shop, kind: category, field: shop}
  - {name: gap, kind: elapsed, transform: none}
  - {name: time of day, kind: time_of_day}
alerts: {p: 0.01}
show: [note]
"""


def surveyed(profile: Profile, *partitions: list[Any]) -> Survey:
    survey = Survey(profile)
    for partition, events in enumerate(partitions):
        values = [value if isinstance(value, bytes) else orjson.dumps(value) for value in events]
        survey.on_batch(*decode(profile, None, values, np.arange(len(values)) + 10), partition)
    return survey


def event(**more: Any) -> dict[str, Any]:
    return {"card": "ann", "ts": 100, "amount": 0.0, "shop": "a"} | more


def test_fields_are_counted_as_missing_or_wrong() -> None:
    events = [
        event(),
        event(shop=None),
        event(amount="x"),
        event(amount=3),
        event(card=None),
        event(ts=-1),
        b"x",
    ]
    report = surveyed(parse(PROFILE, "f"), events).report()
    assert (report.events, report.good) == (7, 3)
    seen = {field.field: (field.read_as, field.missing, field.wrong) for field in report.fields}
    assert seen == {
        "card": ("entity", 1, 0),
        "ts": ("time", 0, 1),
        "amount": ("number", 0, 1),
        "shop": ("category", 1, 0),
        "note": ("shown", 3, 0),
    }
    holds = {field.field: field.holds for field in report.fields}
    assert holds["amount"] == "0 to 3, median 0"
    assert holds["shop"] == "1 values, most often a (100%)"
    assert holds["note"] == "nothing"
    assert holds["ts"] == "1970-01-01 00:01:40 to 1970-01-01 00:01:40"


def test_rejects_are_counted_by_reason_with_the_first_ones_place() -> None:
    report = surveyed(parse(PROFILE, "f"), [event(), b"x"], [b"y", event(amount=[]), b"z"]).report()
    assert [(r.reason, r.events, r.partition, r.offset) for r in report.rejects] == [
        ("not-json", 3, 0, 11),
        ("wrong-type", 1, 1, 11),
    ]


def test_entities_are_counted_and_strays_named() -> None:
    bob = event(card="bob")
    report = surveyed(parse(PROFILE, "f"), [event(), bob, event(), event()], [bob]).report()
    assert (report.entities, report.events_per_entity) == (2, {"median": 2.5, "most": 3})
    assert (report.strayed, report.strays) == (1, {"bob": [0, 1]})


def test_the_first_features_are_as_the_model_sees_them() -> None:
    report = surveyed(parse(PROFILE, "f"), [event(), event(ts=160, shop=None, amount=np.e - 1)]).report()
    first, second = report.features
    assert (first.entity, first.time) == ("ann", "1970-01-01 00:01:40")
    assert list(first.columns) == ["amount", "shop", "gap", "time of day (sine)", "time of day (cosine)"]
    assert (first.columns["amount"], first.columns["shop"], first.columns["gap"]) == (0.0, "a", None)
    assert (second.columns["amount"], second.columns["shop"], second.columns["gap"]) == (1.0, None, 60.0)


def test_masked_values_are_not_shown() -> None:
    masked = PROFILE.replace("field: shop", "field: shop, mask: true").replace("log1p", "log1p, mask: true")
    report = surveyed(parse(masked, "f"), [event(shop="secret", amount=77)]).report()
    assert b"secret" not in orjson.dumps(report)
    assert (report.features[0].columns["amount"], report.features[0].columns["shop"]) == ("***", "***")


def test_no_event_makes_an_empty_report() -> None:
    report = Survey(parse(PROFILE, "f")).report()
    assert (report.events, report.entities, report.features, report.first_time) == (0, 0, [], None)
