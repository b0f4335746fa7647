"""The verdicts that a partition has applied: labelled rows for the peers of every event, and what a value is known for.

They are part of the partition's state and go into its changelog, each as a record of its own.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import orjson

from stream.context import Peers
from stream.fading import Fading
from stream.known_verdicts import Mark
from stream.records import Record
from stream.versioned import unpack_head

VERSION, HEARD_VERSION = 1, 2
MOST = 16_384  # verdicts kept, the newest
SHARE = 128  # rows of each label among the peers
LEAST = 8  # rows that there is room for, of each label
OF_ONE = 64  # verdicts of each label that count for one value, the newest
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
    """The newest verdicts by their subject, in the order in which they were applied.

    heard: by partition of the verdicts topic, the last one that is applied
    """

    prefix = b"v"

    def __init__(self, columns: int, fields: int, most: int = MOST, share: int = SHARE) -> None:
        self.heard: dict[int, Mark] = {}
        self._columns, self._fields, self._most, self._share = columns, fields, most, share
        self._judged: dict[str, Judged] = {}
        self._next = 0
        # By field and label, then by the value's code, when the verdicts on it were given, by subject.
        self._given: defaultdict[tuple[int, int], dict[float, dict[str, float]]] = defaultdict(dict)
        self._labelled: Peers | None = None
        self._changed: dict[str, None] = {}
        self._heard_changed = False

    def __len__(self) -> int:
        return len(self._judged)

    def find(self, subject: str) -> Judged | None:
        """The verdict on a subject, if there is one."""
        return self._judged.get(subject)

    def hear(self, partition: int, mark: Mark) -> None:
        """Note that the verdicts of a partition of their topic are applied up to an offset."""
        self.heard[partition] = mark
        self._heard_changed = True

    def add(self, subject: str, label: int, at: float, row: np.ndarray, codes: np.ndarray) -> None:
        """Keep a verdict in the place of an older one on the same subject; the oldest above the bound goes."""
        self._drop(subject)
        self._put(subject, Judged(self._next, label, at, row, codes))
        self._next += 1
        self._changed[subject] = None
        while len(self._judged) > self._most:
            gone = next(iter(self._judged))
            self._drop(gone)
            self._changed[gone] = None

    def _put(self, subject: str, judged: Judged) -> None:
        self._judged[subject] = judged
        self._labelled = None
        for field, code in enumerate(judged.codes.tolist()):
            if code == code:
                self._given[field, judged.label].setdefault(code, {})[subject] = judged.at

    def _drop(self, subject: str) -> None:
        judged = self._judged.pop(subject, None)
        if judged is None:
            return
        self._labelled = None
        for field, code in enumerate(judged.codes.tolist()):
            given = self._given[field, judged.label].get(code, {})
            given.pop(subject, None)
            if not given:
                self._given[field, judged.label].pop(code, None)

    @property
    def labelled(self) -> Peers:
        """Rows of the newest verdicts, at most SHARE of each label; the same object until one more is applied."""
        if self._labelled is None:
            confirmed, dismissed = (list(islice(self._rows(label), self._share)) for label in (1, -1))
            self._labelled = self._filled(confirmed, dismissed)
        return self._labelled

    @property
    def scale(self) -> tuple[int, int]:
        """Binary digits of how many labelled rows are confirmed, and dismissed: a change may change all scores."""
        label = self.labelled.label
        confirmed, dismissed = (int(np.count_nonzero(label == each)).bit_length() for each in (1, -1))
        return confirmed, dismissed

    def _rows(self, label: int) -> Iterator[Judged]:
        """The newest first, those of which nothing is known left out."""
        for judged in reversed(self._judged.values()):
            if judged.label == label and not np.isnan(judged.row).all():
                yield judged

    def _filled(self, confirmed: list[Judged], dismissed: list[Judged]) -> Peers:
        """Few shapes, as the model is bound anew for each: room for a power of two of each label, or for none."""
        rows = [*confirmed, *dismissed]
        most = max(len(confirmed), len(dismissed))
        room = 2 * max(LEAST, 1 << (most - 1).bit_length()) if rows else 0
        peers = Peers(
            np.zeros((room, self._columns), np.float32),
            np.zeros(room, np.float32),
            np.zeros(room, np.float32),
        )
        for place, judged in enumerate(rows):
            peers.rows[place] = judged.row
            peers.mask[place] = 1
            peers.label[place] = judged.label
        return peers

    def known_for(
        self, field: int, label: int, code: np.ndarray, time: np.ndarray, fading: Fading
    ) -> np.ndarray:
        """What the verdicts with this label on events with the same value count: float64 [B].

        `code`: float32 [B], NaN gives NaN; `time`: float64 [B].
        """
        given = self._given[field, label]
        result = np.where(np.isnan(code), np.nan, 0.0)
        for event, one in enumerate(code.tolist() if given else []):
            if one in given:
                result[event] = fading.sum(_newest(given[one]), float(time[event]))
        return result

    def count(self, field: int, label: int, code: float, time: float, fading: Fading) -> int:
        """How many verdicts `known_for` weighs for one event."""
        return fading.count(_newest(self._given[field, label].get(code, {})), time)

    def changes(self) -> list[Record]:
        """The verdicts applied since the last call, tombstones of the forgotten, and how far was heard."""
        records: list[Record] = [
            (self.prefix + _ONE + subject.encode(), self._pack(self._judged.get(subject)))
            for subject in self._changed
        ]
        if self._heard_changed:
            heard = orjson.dumps(list(self.heard.items()))
            records.append((self.prefix + _HEARD, bytes((HEARD_VERSION,)) + heard))
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
        found = dict(self._judged)
        for key, value in records.items():
            if key[1:2] == _HEARD:
                unpack_head(struct.Struct("<B"), value or b"", HEARD_VERSION, "the verdicts' offsets")
                found_heard = orjson.loads((value or b"")[1:])
                self.heard = {partition: (offset, digest) for partition, (offset, digest) in found_heard}
                continue
            subject = key[2:].decode()
            found.pop(subject, None)
            if value is not None:
                serial, label, at, columns = unpack_head(_HEAD, value, VERSION, "a verdict")
                numbers = np.frombuffer(value, "<f4", offset=_HEAD.size).astype(np.float32)
                found[subject] = Judged(serial, label, at, numbers[:columns], numbers[columns:])
        self._judged.clear()
        self._given.clear()
        for subject, judged in sorted(found.items(), key=lambda item: item[1].serial):
            self._put(subject, judged)
        self._labelled = None
        self._next = max((judged.serial + 1 for judged in self._judged.values()), default=0)


def _newest(given: dict[str, float]) -> list[float]:
    return list(islice(reversed(given.values()), OF_ONE))
