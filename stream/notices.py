"""What a worker tells on the alerts topic beside alerts: CloudEvents of types of their own.

A notice that is sent again, after a crash or by another worker, has the same id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import orjson

from stream.alerts import Source, cloud_event, rfc3339
from stream.drift_monitor import Shift

# The JSON Schemas of their bodies: model-refused.schema.json, drift.schema.json.
REFUSED = "dev.onsight.model-refused.v1"
DRIFTED = "dev.onsight.drift.v1"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. type: of the CloudEvent; subject: what it is about; data: the body beside id, time and profile."""

    type: str
    profile: str
    subject: str
    data: Mapping[str, object]

    @property
    def id(self) -> str:
        """32 hex digits, of all that it says."""
        return sha256(
            orjson.dumps([self.type, self.profile, self.data], option=orjson.OPT_SORT_KEYS)
        ).hexdigest()[:32]

    @property
    def key(self) -> bytes:
        """Of its record: the profile."""
        return self.profile.encode()

    def body(self, time: float) -> bytes:
        """JSON; `time`: seconds since 1970 UTC."""
        return orjson.dumps({"id": self.id, "time": rfc3339(time), "profile": self.profile, **self.data})

    def headers(self, time: float) -> list[tuple[str, bytes]]:
        """CloudEvents attributes; `time`: seconds since 1970 UTC."""
        return cloud_event(self.id, self.profile, self.type, time, self.subject)


def refusal(profile: str, digest: str, role: str, error: Exception) -> Notice:
    """A model on the models topic is not used: which (empty where the record of the roles can't be read), and why.

    role: live, shadow, previous, or roles for that record
    """
    data = {"digest": digest, "role": role, "error": type(error).__name__, "reason": str(error)}
    return Notice(REFUSED, profile, digest or role, data)


def drifted(profile: str, shift: Shift, source: Source, digest: str) -> Notice:
    """A feature, or the live model's score, began to be distributed differently in a partition."""
    data = {
        "feature": shift.name,
        "psi": shift.psi,
        "ks": None if shift.ks != shift.ks else shift.ks,
        "events": shift.events,
        "model": digest,
        "source": {"topic": source.topic, "partition": source.partition},
    }
    return Notice(DRIFTED, profile, shift.name, data)
