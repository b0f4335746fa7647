"""The verdicts that a partition has applied: labelled rows for the peers of every event, and what a value is known for.

They are part of the partition's state and go into its changelog, each as a record of its own.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson

from stream.context import Peers
from stream.records import Record
from stream.versioned import unpack_head

VERSION = 1
MOST = 4096  # verdicts kept, the newest
SHARE = 32  # rows of each label among the peers
_HEAD = struct.Struct("<BqbdH")
_HEARD = b"h"
_ONE = b"v"


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict as the model sees it; `serial` says when it was applied, beside the others.

    row:   float32 [F], the event's features
    codes: float32 [V], of the values of its fields that features of kind `verdicts` look at; NaN where unknown
    """

    serial: int
    label: int
    at: float
    row: np.ndarray
    codes: np.ndarray


class Feedback:
    """The newest verdicts by their subject.

    heard:    by partition of the verdicts topic, the offset up to which all are applied
    labelled: rows of the newest verdicts, as many confirmed as dismissed ones at most
    """

    prefix = b"v"

    def __init__(self, columns: int, fields: int, most: int = MOST, share: int = SHARE) -> None:
        self.heard: dict[int, int] = {}
        self._columns, self._fields, self._most, self._share = columns, fields, most, share
        self._judged: dict[str, Judged] = {}
        self._next = 0
        self._changed: dict[str, None] = {}
        self._heard_changed = False
        self._publish()

    def __len__(self) -> int:
        return len(self._judged)

    def find(self, subject: str) -> Judged | None:
        return self._judged.get(subject)

    def hear(self, partition: int, offset: int) -> None:
        self.heard[partition] = offset
        self._heard_changed = True

    def add(self, subject: str, label: int, at: float, row: np.ndarray, codes: np.ndarray) -> None:
        """Keep a verdict in the place of an older one on the same subject; the oldest above the bound goes."""
        self._judged.pop(subject, None)
        self._judged[subject] = Judged(self._next, label, at, row, codes)
        self._next += 1
        self._changed[subject] = None
        while len(self._judged) > self._most:
            gone = next(iter(self._judged))
            del self._judged[gone]
            self._changed[gone] = None
        self._publish()

    def _publish(self) -> None:
        newest = sorted(self._judged.values(), key=lambda judged: -judged.serial)
        known = [judged for judged in newest if not np.isnan(judged.row).all()]
        rows = [
            judged for label in (1, -1) for judged in [j for j in known if j.label == label][: self._share]
        ]
        room = 2 * self._share if rows else 0  # two shapes only: the model is bound anew for each
        self.labelled = Peers(
            np.zeros((room, self._columns), np.float32),
            np.zeros(room, np.float32),
            np.zeros(room, np.float32),
        )
        for place, judged in enumerate(rows):
            self.labelled.rows[place] = judged.row
            self.labelled.mask[place] = 1
            self.labelled.label[place] = judged.label
        self._values: list[dict[float, list[Judged]]] = [{} for _ in range(self._fields)]
        for judged in newest:
            for values, code in zip(self._values, judged.codes.tolist(), strict=True):
                if code == code:
                    values.setdefault(code, []).append(judged)

    def known_for(
        self, field: int, label: int, code: np.ndarray, time: np.ndarray, seconds: float
    ) -> np.ndarray:
        """The verdicts with this label of the last `seconds` on events with the same value: float64 [B].

        Each fades evenly, from 1 to 0 in that time. `code`: float32 [B], NaN gives NaN; `time`: float64 [B].
        """
        values = self._values[field]
        result = np.where(np.isnan(code), np.nan, 0.0)
        for event, one in enumerate(code.tolist() if values else []):
            for judged in values.get(one, ()):
                if judged.label == label:
                    age = max(0.0, float(time[event]) - judged.at)
                    result[event] += max(0.0, 1.0 - age / seconds)
        return result

    def changes(self) -> list[Record]:
        """The verdicts applied since the last call, tombstones of the forgotten, and how far was heard."""
        records: list[Record] = [
            (self.prefix + _ONE + subject.encode(), self._pack(self._judged.get(subject)))
            for subject in self._changed
        ]
        if self._heard_changed:
            heard = orjson.dumps(list(self.heard.items()))
            records.append((self.prefix + _HEARD, bytes((VERSION,)) + heard))
        self._changed.clear()
        self._heard_changed = False
        return records

    def _pack(self, judged: Judged | None) -> bytes | None:
        if judged is None:
            return None
        head = _HEAD.pack(VERSION, judged.serial, judged.label, judged.at, self._columns)
        return head + judged.row.astype("<f4").tobytes() + judged.codes.astype("<f4").tobytes()

    def restore(self, records: Mapping[bytes, bytes | None]) -> None:
        """Read a run of records back, the newest of each key. Raises StateError for another version."""
        for key, value in records.items():
            if key[1:2] == _HEARD:
                unpack_head(struct.Struct("<B"), value or b"", VERSION, "the verdicts' offsets")
                self.heard = dict(orjson.loads((value or b"")[1:]))
                continue
            subject = key[2:].decode()
            self._judged.pop(subject, None)
            if value is not None:
                serial, label, at, columns = unpack_head(_HEAD, value, VERSION, "a verdict")
                numbers = np.frombuffer(value, "<f4", offset=_HEAD.size).astype(np.float32)
                self._judged[subject] = Judged(serial, label, at, numbers[:columns], numbers[columns:])
        self._judged = dict(sorted(self._judged.items(), key=lambda item: item[1].serial))
        self._next = max((judged.serial + 1 for judged in self._judged.values()), default=0)
        self._publish()
