"""The record that leaves: a CloudEvent whose body explains itself (JSON Schema in alert.schema.json).

A field whose feature says `mask: true` appears only as "***", and so does an object that holds it. If that field
is the entity, the entity, the record's key and the subject are "sha256:" and 16 hex digits of its SHA-256, so that
alerts of one entity still meet; whoever can list all entities can undo that: it hides them from readers, not from
attackers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from stream.profile import Profile
from stream.reasons import Reason
from stream.suppression import Related
from stream.wording import HIDDEN, Value, measured, plain

CE_TYPE = "dev.onsight.alert.v1"


@dataclass(frozen=True, slots=True)
class Source:
    """A partition that events come from."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Model(Protocol):
    """What an alert says of the model that scored its event."""

    @property
    def digest(self) -> str: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, fit to leave: what must be hidden is hidden already. Times are seconds since 1970 UTC."""

    id: str
    time: float
    profile: str
    entity: str
    score: float
    p_value: float
    severity: str
    threshold: float
    digest: str  # of the model
    version: str
    source: Source
    offset: int
    event: Mapping[str, object]  # the profile's fields by path, as read
    features: Mapping[str, Value]  # by name, as `wording.plain` has them
    reasons: tuple[Reason, ...]
    evidence: tuple[Mapping[str, str], ...]
    related: Related

    @property
    def key(self) -> bytes:
        """Of its record: the entity, as it may be told."""
        return self.entity.encode()

    def body(self) -> bytes:
        """JSON, the same bytes for the same alert; NaN and infinity become null."""
        first_seen = self.related.first_seen
        return orjson.dumps(
            {
                "id": self.id,
                "time": rfc3339(self.time),
                "profile": self.profile,
                "entity": self.entity,
                "score": self.score,
                "p_value": self.p_value,
                "severity": self.severity,
                "threshold": self.threshold,
                "model": {"digest": self.digest, "version": self.version},
                "source": {
                    "topic": self.source.topic,
                    "partition": self.source.partition,
                    "offset": self.offset,
                },
                "event": self.event,
                "features": self.features,
                "reasons": self.reasons,
                "evidence": self.evidence,
                "related": {
                    "count": self.related.count,
                    "first_seen": None if first_seen is None else rfc3339(first_seen),
                },
            },
            default=str,
            option=orjson.OPT_SERIALIZE_NUMPY,
        )

    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents attributes of its record."""
        return cloud_event(self.id, self.profile, CE_TYPE, self.time, self.entity)


def is_alert(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a record of the alerts topic is an alert, by its headers: notices go there, too."""
    return ("ce_type", CE_TYPE.encode()) in headers


def cloud_event(id: str, profile: str, type: str, time: float, subject: str) -> list[tuple[str, bytes]]:
    """The headers of a CloudEvent 1.0 in Kafka's binary content mode; time in seconds since 1970 UTC."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": id,
        "ce_source": f"/onsight/{profile}",
        "ce_type": type,
        "ce_time": rfc3339(time),
        "ce_subject": subject,
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in texts.items()]


def build(
    profile: Profile,
    fields: Mapping[str, object],
    row: NDArray[np.float32],
    *,
    entity: str,
    time: float,
    source: Source,
    offset: int,
    score: float,
    p_value: float,
    threshold: float,
    severity: str,
    related: Related,
    model: Model,
    reasons: tuple[Reason, ...],
    evidence: tuple[Mapping[str, str], ...],
) -> Alert:
    """The alert for one event: its fields by path and its row [F]; hides what the profile masks."""
    masked = profile.masked
    return Alert(
        id=alert_id(source, offset, model.digest),
        time=time,
        profile=profile.name,
        entity=hidden_entity(entity) if profile.entity in masked else entity,
        score=float(str(np.float32(score))),  # the shortest decimal that is this float32
        p_value=p_value,
        severity=severity,
        threshold=threshold,
        digest=model.digest,
        version=model.version,
        source=source,
        offset=offset,
        event={path: HIDDEN if path in masked else fields.get(path) for path in profile.fields},
        features=_features(profile, fields, row),
        reasons=reasons,
        evidence=evidence,
        related=related,
    )


def alert_id(source: Source, offset: int, digest: str) -> str:
    """32 hex digits: a repeat after a crash has the same, another model's alert for the event has not."""
    return sha256(f"{source.topic}\0{source.partition}\0{offset}\0{digest}".encode()).hexdigest()[:32]


def hidden_entity(entity: str) -> str:
    """What stands for a masked entity: "sha256:" and 16 hex digits."""
    return f"sha256:{sha256(entity.encode()).hexdigest()[:16]}"


def rfc3339(time: float) -> str:
    """2026-01-31T03:12:45.123Z from seconds since 1970 UTC."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _features(
    profile: Profile, fields: Mapping[str, object], row: NDArray[np.float32]
) -> Mapping[str, Value]:
    told: dict[str, Value] = {}
    column = 0
    for feature in profile.features:
        raw = fields.get(feature.field) if feature.field else None
        told[feature.name] = plain(
            feature, raw, measured(feature, raw, row[column : column + feature.columns])
        )
        column += feature.columns
    return told
