"""A verdict as a person gives it: on an alert by its id, or on an event by its place; the rest is looked up."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from stream.alerts import Source, hidden_entity
from stream.errors import InputError
from stream.events import EventBatch
from stream.profile import Profile
from stream.verdict import Outcome, Verdict, moment, outcome, parse


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event is."""

    source: Source
    offset: int

    def __str__(self) -> str:
        return f"{self.source.topic}/{self.source.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Order:
    """A verdict on an alert (its id) or on the event at a place."""

    on: str | Place
    verdict: Outcome
    by: str
    at: float  # seconds since 1970 UTC


def place_of(text: str) -> Place:
    """The place that TOPIC/PARTITION/OFFSET names. Raises InputError."""
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise InputError(
            f"event: expected topic/partition/offset, as in payments/3/81224 (an alert's source), found {text!r}"
        )
    return Place(Source(topic, int(partition)), int(offset))


def read_order(line: bytes, by: str, at: float) -> Order | Verdict:
    """A line of JSON: {"alert": ID or "event": "topic/partition/offset", "verdict": ...}, or a whole verdict.

    `by` and `at` where it says nothing of them. Raises InputError.
    """
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"expected JSON ({error})") from error
    if not isinstance(found, dict):
        raise InputError("expected a JSON object")
    if "id" in found:
        return parse(line)
    named = [name for name in ("alert", "event") if isinstance(found.get(name), str) and found[name]]
    if len(named) != 1:
        raise InputError('expected either "alert" or "event" as a text')
    return Order(
        on=found["alert"] if named == ["alert"] else place_of(found["event"]),
        verdict=outcome(found.get("verdict")),
        by=str(found.get("by") or by),
        at=moment(found["at"]) if found.get("at") is not None else at,
    )


def on_alert(order: Order, body: bytes) -> Verdict:
    """The verdict on an alert, with all that its body tells of the event."""
    alert = orjson.loads(body)
    source = Source(alert["source"]["topic"], alert["source"]["partition"])
    return Verdict(
        id=alert["id"],
        entity=alert["entity"],
        verdict=order.verdict,
        by=order.by,
        at=order.at,
        source=source,
        offset=alert["source"]["offset"],
        features=alert["features"],
        event=alert["event"],
    )


def on_event(order: Order, place: Place, profile: Profile, batch: EventBatch) -> Verdict:
    """The verdict on an event (a batch of one), with what can be told of it without its entity's past."""
    fields = {path: column[0] for path, column in batch.fields.items()}
    masked = profile.masked
    hidden = profile.entity in masked
    return Verdict(
        id=str(place),
        entity=hidden_entity(batch.entity[0]) if hidden else batch.entity[0],
        verdict=order.verdict,
        by=order.by,
        at=order.at,
        source=place.source,
        offset=place.offset,
        features=_features(profile, fields),
        event={path: value for path, value in fields.items() if path not in masked},
    )


def _features(profile: Profile, fields: Mapping[str, object]) -> dict[str, object]:
    return {
        feature.name: fields.get(feature.field)
        for feature in profile.features
        if feature.kind in ("number", "category") and feature.field and not feature.mask
    }
