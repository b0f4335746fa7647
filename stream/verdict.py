"""What a person found an alert, or any event, to be: the record of the verdicts topic, to and from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import orjson

from stream.alerts import Source, rfc3339
from stream.errors import InputError

Outcome = Literal["confirmed", "dismissed"]
LABEL: dict[Outcome, int] = {"confirmed": 1, "dismissed": -1}  # as the model's contract has it


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict. `features` and `event` are those of the alert, masked values and all.

    source, offset: where the event was; None and -1 where nobody knows
    """

    id: str  # of the alert; of an event, topic/partition/offset
    entity: str
    verdict: Outcome
    by: str
    at: float  # seconds since 1970 UTC
    source: Source | None = None
    offset: int = -1
    features: Mapping[str, object] = field(default_factory=dict)  # by the feature's name
    event: Mapping[str, object] = field(default_factory=dict)  # by the field's path

    @property
    def subject(self) -> str:
        """What the verdict is on: two verdicts on one event have the same, whichever alert they name."""
        return f"{self.source.topic}/{self.source.partition}/{self.offset}" if self.source else self.id

    @property
    def on_event(self) -> bool:
        """Whether it names an event, of which there need be no alert."""
        return self.source is not None and self.id == self.subject

    @property
    def label(self) -> int:
        """1 or -1, as the model's contract has it."""
        return LABEL[self.verdict]

    @property
    def key(self) -> bytes:
        """Of its record: the entity."""
        return self.entity.encode()

    def body(self) -> bytes:
        """JSON, which `parse` reads back."""
        source = self.source and {
            "topic": self.source.topic,
            "partition": self.source.partition,
            "offset": self.offset,
        }
        return orjson.dumps(
            {
                "id": self.id,
                "entity": self.entity,
                "verdict": self.verdict,
                "by": self.by,
                "at": rfc3339(self.at),
                "source": source,
                "features": self.features,
                "event": self.event,
            }
        )


def parse(body: bytes) -> Verdict:
    """A verdict from JSON. Raises InputError: what was expected, what was seen."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"verdict: expected JSON, found {body[:60]!r} ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"verdict: expected a JSON object, found {body[:60]!r}")
    source, offset = _place(found.get("source"))
    return Verdict(
        id=_text(found, "id"),
        entity=_text(found, "entity"),
        verdict=outcome(found.get("verdict")),
        by=_text(found, "by"),
        at=moment(found.get("at")),
        source=source,
        offset=offset,
        features=_mapping(found, "features"),
        event=_mapping(found, "event"),
    )


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"verdict: expected a text as its {name}, found {value!r}")
    return value


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, object]:
    value = found.get(name) or {}
    if not isinstance(value, dict):
        raise InputError(f"verdict: expected an object as its {name}, found {value!r}")
    return value


def outcome(value: Any) -> Outcome:
    """Raises InputError for anything but the two."""
    if value not in get_args(Outcome):
        raise InputError(f'verdict: expected "confirmed" or "dismissed" as its verdict, found {value!r}')
    known: Outcome = value
    return known


def moment(value: object) -> float:
    """Seconds since 1970 of ISO 8601 text, UTC unless it says otherwise. Raises InputError."""
    try:
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"verdict: expected a time such as 2026-01-31T03:12:45Z as its at, found {value!r}"
        ) from error


def _place(value: Any) -> tuple[Source | None, int]:
    if value is None:
        return None, -1
    kinds = {"topic": str, "partition": int, "offset": int}
    if not isinstance(value, dict) or any(type(value.get(name)) is not kind for name, kind in kinds.items()):
        raise InputError(f"verdict: expected topic, partition and offset in its source, found {value!r}")
    if value["offset"] < 0 or value["partition"] < 0:
        raise InputError(f"verdict: expected an offset and a partition from 0 on, found {value!r}")
    return Source(value["topic"], value["partition"]), value["offset"]
