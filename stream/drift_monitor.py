"""The reference of some columns, the window that is held against it, and the episodes of drift.

A reference that nobody gives is made of the first 4,096 drawn events. Every 1,024 after that are a window.

An episode begins when the population stability index is above 0.25 (by convention a major shift) in two windows one
after the other, and ends below 0.1 (none). One that lasts for 16 windows is the new normal: a new reference is taken.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.bins import BINS, FINE, Bins, Histogram, distance, stability_index
from stream.errors import StateError
from stream.records import Record
from stream.versioned import unpack_head

REFERENCE, WINDOW = 4096, 1024  # drawn events
BEGINS, ENDS, RUNNING, LASTING = 0.25, 0.1, 2, 16

_VERSION = 1
_HEAD = struct.Struct("<BH")
_GATHERED, _REFERENCE, _WINDOW = b"g", b"r", b"w"


@dataclass(frozen=True, slots=True)
class Shift:
    """A drift that began: of the feature with this name, seen in a window of so many drawn events."""

    name: str
    psi: float
    ks: float  # NaN for a category
    events: int


class Monitor:
    """The reference, the open window and the episodes of C columns.

    psi, ks: float64 [C] of the last window; NaN before the first, and ks of categories
    drifting: bool [C], whether the column is in an episode
    """

    def __init__(self, prefix: bytes, names: Sequence[str], category: NDArray[np.bool_]) -> None:
        self.names = tuple(names)
        self._prefix, self._category = prefix, category
        # One array [n, C] an epoch, until there is a reference.
        self._gathered: list[NDArray[np.float32]] = []
        self._bins: Bins | None = None
        self._expected = np.zeros((len(names), BINS), np.uint16)
        self._touched: set[int] = set()  # gathered epochs with a record to write, or to take away
        self._changed: set[bytes] = set()
        self._reset()

    def _reset(self) -> None:
        columns = len(self.names)
        # Of the open window, not counted yet: many at once are cheap.
        self._waiting: list[NDArray[np.float32]] = []
        self._counts = np.zeros((columns, BINS), np.uint16)
        self._above = np.zeros(columns, np.uint16)  # windows in a row above BEGINS
        self._lasted = np.zeros(columns, np.uint16)  # windows of the episode, 0 without one
        self.psi, self.ks = np.full(columns, np.nan), np.full(columns, np.nan)

    @property
    def drifting(self) -> NDArray[np.bool_]:
        """bool [C], whether a column is in an episode."""
        return self._lasted > 0

    def restart(self) -> None:
        """Take the reference anew, from what comes."""
        self._forget_gathered()
        self._bins = None
        self._reset()
        self._changed |= {_REFERENCE, _WINDOW}

    def hold_against(self, reference: Sequence[Histogram]) -> None:
        """Have this as the reference from here on: one histogram a column."""
        if not self.names:
            return
        self.restart()
        self._bins = Bins(np.stack([column.edges for column in reference]), self._category)
        self._expected = np.stack([column.counts for column in reference])

    def look(self, values: NDArray[np.float32]) -> None:
        """Take drawn events [n, C] of one epoch."""
        if self._bins is not None:
            self._waiting.append(values)
            self._changed.add(_WINDOW)
            return
        if not self._gathered:
            self._gathered.append(values[:0])
        self._gathered[-1] = np.concatenate([self._gathered[-1], values])
        self._touched.add(len(self._gathered) - 1)

    def close_epoch(self) -> list[Shift]:
        """Where enough has come, make the reference, or hold the window against it; the episodes that begin."""
        if self._bins is None:
            self._close_gathering()
        elif (events := int(self._counts[0].sum()) + sum(map(len, self._waiting))) >= WINDOW:
            self._count()
            return self._close_window(events)
        return []

    def _count(self) -> None:
        if self._waiting and self._bins is not None:
            self._counts += self._bins.count(np.concatenate(self._waiting))
        self._waiting.clear()

    def _close_gathering(self) -> None:
        if sum(map(len, self._gathered)) >= REFERENCE:
            values = np.concatenate(self._gathered)
            self._bins = Bins.of(values, self._category)
            self._expected = self._bins.count(values)
            self._forget_gathered()
            self._changed |= {_REFERENCE, _WINDOW}
        elif self._gathered and len(self._gathered[-1]):
            self._gathered.append(self._gathered[-1][:0])

    def _close_window(self, events: int) -> list[Shift]:
        self.psi = stability_index(self._counts, self._expected)
        self.ks = np.where(self._category, np.nan, distance(self._counts, self._expected))
        self._counts = np.zeros_like(self._counts)
        self._changed.add(_WINDOW)
        self._above = np.where(self.psi > BEGINS, self._above + 1, 0).astype(np.uint16)
        begins = ~self.drifting & (self._above >= RUNNING)
        goes_on = self.drifting & (self.psi >= ENDS)
        self._lasted = np.where(begins | goes_on, self._lasted + 1, 0).astype(np.uint16)
        shifts = [
            Shift(self.names[column], float(self.psi[column]), float(self.ks[column]), events)
            for column in np.flatnonzero(begins).tolist()
        ]
        if (self._lasted > LASTING).any():
            self.restart()
        return shifts

    def _forget_gathered(self) -> None:
        self._touched |= set(range(len(self._gathered)))
        self._gathered = []

    def changes(self) -> list[Record]:
        """What changed since the last call."""
        records: list[Record] = [
            (self._prefix + _GATHERED + number.to_bytes(2, "big"), self._rows(number))
            for number in sorted(self._touched)
        ]
        if _REFERENCE in self._changed:
            whole = None if self._bins is None else self._pack(self._bins.edges, self._expected)
            records.append((self._prefix + _REFERENCE, whole))
        if _WINDOW in self._changed:
            self._count()
            window = self._pack(self._counts, self._above, self._lasted, self.psi, self.ks)
            records.append((self._prefix + _WINDOW, window))
        self._changed.clear()
        self._touched.clear()
        return records

    def _rows(self, number: int) -> bytes | None:
        return self._pack(self._gathered[number]) if number < len(self._gathered) else None

    def _pack(self, *arrays: NDArray[np.float32] | NDArray[np.float64] | NDArray[np.uint16]) -> bytes:
        parts = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]
        return _HEAD.pack(_VERSION, len(self.names)) + b"".join(parts)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one record back, its key without the prefix. Raises StateError: another version or set of columns."""
        if value is not None:
            (found,) = unpack_head(_HEAD, value, _VERSION, "drift")
            if found != len(self.names):
                raise StateError(
                    f"drift in the changelog: expected {len(self.names)} columns, found {found}; set a new "
                    "application_id to start with empty state"
                )
        content = None if value is None else value[_HEAD.size :]
        if key[:1] == _GATHERED:
            self._restore_gathered(int.from_bytes(key[1:], "big"), content)
        elif key[:1] == _REFERENCE:
            self._restore_reference(content)
        elif content is not None:
            self._restore_window(content)

    def _restore_gathered(self, number: int, content: bytes | None) -> None:
        columns = len(self.names)
        if content is None:
            del self._gathered[number:]
            return
        while len(self._gathered) <= number:
            self._gathered.append(np.empty((0, columns), np.float32))
        self._gathered[number] = np.frombuffer(content, "<f4").reshape(-1, columns).astype(np.float32)

    def _restore_reference(self, content: bytes | None) -> None:
        if content is None:
            self._bins = None
            return
        columns = len(self.names)
        edges = np.frombuffer(content, "<f4", columns * (FINE - 1)).reshape(columns, -1).astype(np.float32)
        self._bins, self._gathered = Bins(edges, self._category), []
        self._expected = self._table(content[edges.nbytes :])

    def _restore_window(self, content: bytes) -> None:
        columns = len(self.names)
        self._counts = self._table(content[: 2 * columns * BINS])
        rest = content[2 * columns * BINS :]
        self._above, self._lasted = np.frombuffer(rest, "<u2", 2 * columns).astype(np.uint16).reshape(2, -1)
        self.psi, self.ks = np.frombuffer(rest, "<f8", offset=4 * columns).astype(np.float64).reshape(2, -1)

    def _table(self, content: bytes) -> NDArray[np.uint16]:
        return np.frombuffer(content, "<u2").reshape(len(self.names), BINS).astype(np.uint16)
