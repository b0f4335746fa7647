"""What tests of decoding share: a profile, an event of it, and how records become a batch."""

from typing import Any

import numpy as np
import orjson

from stream.events import EventBatch, Limits, Reject, decode
from stream.profile import Profile, parse

PROFILE = parse(
    """
name: test
entity: {field: who.id}
time: {field: at, unit: ms}
features:
  - {name: amount, kind: number, field: amount}
  - {name: shop, kind: category, field: shop}
alerts: {p: 0.01}
show: [note]
""",
    "test.yaml",
)


def run(*records: Any, profile: Profile = PROFILE, **limits: Any) -> tuple[EventBatch, tuple[Reject, ...]]:
    values = [value if isinstance(value, bytes | None) else orjson.dumps(value) for value in records]
    return decode(profile, [b"k"] * len(values), values, np.arange(len(values)) + 100, Limits(**limits))


def event(**more: Any) -> dict[str, Any]:
    return {"who": {"id": "ann"}, "at": 1500, "amount": 2.5, "shop": "a"} | more


def assert_same(parts: list[EventBatch], wholes: list[EventBatch]) -> None:
    """That both are the same events, bit for bit."""

    def flat(batches: list[EventBatch]) -> list[Any]:
        return [
            (
                batch.offset[i],
                batch.entity[i],
                batch.time[i],
                *(column[i].tobytes() for column in (*batch.numbers.values(), *batch.codes.values())),
                *(repr(column[i]) for column in batch.fields.values()),
            )
            for batch in batches
            for i in range(len(batch))
        ]

    assert flat(parts) == flat(wholes)
