"""Records as kafka-python's consumers give them: a run of one partition at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of one partition in offset order."""

    topic: str
    partition: int
    keys: Sequence[bytes | None]  # [B]
    values: Sequence[bytes | None]  # [B]
    headers: Sequence[int]  # [B], how many each record has
    offsets: NDArray[np.int64]  # [B]

    @classmethod
    def of(cls, place: Any, records: Sequence[Any]) -> "Fetched":
        """The client's records of a place (its TopicPartition)."""
        return cls(
            place.topic,
            place.partition,
            [record.key for record in records],
            [record.value for record in records],
            [len(record.headers) for record in records],
            np.fromiter((record.offset for record in records), np.int64, len(records)),
        )
