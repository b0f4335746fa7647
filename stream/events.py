"""Bytes or columns -> one batch of good events, and a reject for each of the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream import columns
from stream.columns import Fault, Values
from stream.json_records import Limits, extract, load
from stream.profile import Profile

__all__ = ["Decoder", "EventBatch", "Limits", "Reject", "decode", "from_columns"]


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Good events of one partition in offset order."""

    offset: NDArray[np.int64]  # [B], increasing
    entity: Sequence[str]  # [B]
    time: NDArray[np.float64]  # [B], seconds since 1970 UTC
    numbers: Mapping[str, NDArray[np.float64]]  # of each number field: [B] as read, NaN where missing
    codes: Mapping[str, NDArray[np.float32]]  # of each category field: [B] 24-bit hashes, NaN where missing
    fields: Mapping[str, Sequence[object]]  # of each field of the profile: [B] as read, None where missing

    def __len__(self) -> int:
        return len(self.offset)

    def part(self, start: int, stop: int) -> "EventBatch":
        """Events [start, stop) of this batch."""
        if (start, stop) == (0, len(self)):
            return self
        return EventBatch(
            self.offset[start:stop],
            self.entity[start:stop],
            self.time[start:stop],
            {path: column[start:stop] for path, column in self.numbers.items()},
            {path: column[start:stop] for path, column in self.codes.items()},
            {path: column[start:stop] for path, column in self.fields.items()},
        )

    def take(self, rows: NDArray[np.intp]) -> "EventBatch":
        """The events in these rows [K] (ascending)."""
        chosen = rows.tolist()
        return EventBatch(
            self.offset[rows],
            [self.entity[row] for row in chosen],
            self.time[rows],
            {path: column[rows] for path, column in self.numbers.items()},
            {path: column[rows] for path, column in self.codes.items()},
            {path: [column[row] for row in chosen] for path, column in self.fields.items()},
        )


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no event, and so a dead letter."""

    index: int  # position in the decoded run
    offset: int
    reason: str  # a slug, the dead letter's reason header
    detail: str  # a sentence naming the field and the type seen, never an event's value
    field: str = ""  # the path at fault, empty where it is the whole record


class Decoder:
    """Decodes runs of one profile; what it keeps (codes of category values) changes no result."""

    def __init__(self, profile: Profile, limits: Limits | None = None) -> None:
        self.profile = profile
        self._limits = limits or Limits()
        self._readers = _readers(profile)

    def decode(
        self,
        keys: Sequence[bytes | None] | None,
        values: Sequence[bytes | None],
        offsets: NDArray[np.int64],
        headers: Sequence[int] = (),
    ) -> tuple[EventBatch, tuple[Reject, ...]]:
        """Decode a run of JSON records, in offset order; `keys` None, `headers` empty: this source has none.

        headers: how many each record has
        """
        records, faults = load(keys, values, self._limits, headers)
        kept = np.arange(len(values))
        if faults:
            kept = np.delete(kept, list(faults))
        return self._converted(extract(records, self.profile.fields), kept, offsets, faults)

    def from_columns(
        self, named: Mapping[str, Values], offsets: NDArray[np.int64]
    ) -> tuple[EventBatch, tuple[Reject, ...]]:
        """The same from columns named by their paths; an absent column is missing in every event."""
        absent = [None] * len(offsets)
        read = {path: named.get(path, absent) for path in self.profile.fields}
        return self._converted(read, np.arange(len(offsets)), offsets, {})

    def _converted(
        self,
        read: Mapping[str, Values],
        kept: NDArray[np.int64],
        offsets: NDArray[np.int64],
        faults: dict[int, Fault],
    ) -> tuple[EventBatch, tuple[Reject, ...]]:
        """Convert the columns `read` of the rows `kept`; faulty rows are dropped and the rest converted."""
        batch = self._batch(read, offsets[kept])
        if batch is None:
            found = self._faults(read)
            good = [row for row in range(len(kept)) if row not in found]
            read = {path: _pick(column, good) for path, column in read.items()}
            faults = faults | {int(kept[row]): fault for row, fault in found.items()}
            batch = self._batch(read, offsets[kept[good]])
            assert batch is not None, "a column conversion isn't value by value"
        rejects = (Reject(index, int(offsets[index]), *faults[index]) for index in sorted(faults))
        return batch, tuple(rejects)

    def _batch(self, read: Mapping[str, Values], offset: NDArray[np.int64]) -> EventBatch | None:
        """All columns converted, or None if any holds a fault."""
        converted = [reader.column(read[reader.path]) for reader in self._readers]
        if any(column is None for column in converted):
            return None
        entity, time, *features = converted
        profile = self.profile
        return EventBatch(
            offset,
            entity,
            time,
            dict(zip(profile.numbers, features, strict=False)),
            dict(zip(profile.categories, features[len(profile.numbers) :], strict=True)),
            {path: columns.as_list(column) for path, column in read.items()},
        )

    def _faults(self, read: Mapping[str, Values]) -> dict[int, Fault]:
        """The first fault of each faulty row: entity before time before features."""
        faults: dict[int, Fault] = {}
        for reader in self._readers:
            column = read[reader.path]
            for row in reader.failing(column, 0, len(column)):
                faults.setdefault(row, reader.fault(column[row], reader.path))
        return faults


@dataclass(frozen=True, slots=True)
class _Reader:
    """How one field's values are converted (None: one of them is at fault), and how a fault is described."""

    path: str
    column: Callable[[Values], Any]
    fault: Callable[[object, str], Fault]

    def failing(self, values: Values, start: int, stop: int) -> Iterator[int]:
        """The rows of [start, stop) at fault, by halving: bad ones are few."""
        if self.column(values[start:stop]) is not None:
            return
        if stop - start == 1:
            yield start
            return
        middle = (start + stop) // 2
        yield from self.failing(values, start, middle)
        yield from self.failing(values, middle, stop)


def _readers(profile: Profile) -> tuple[_Reader, ...]:
    """Of the entity, the time, the numbers and the categories, in this order."""
    time_column = partial(columns.time_column, unit=profile.time.unit)
    time_fault = partial(columns.time_fault, unit=profile.time.unit)
    return (
        _Reader(profile.entity, columns.entity_column, columns.entity_fault),
        _Reader(profile.time.field, time_column, time_fault),
        *(_Reader(path, columns.number_column, columns.number_fault) for path in profile.numbers),
        *(
            _Reader(path, partial(columns.code_column, codes=columns.Codes()), columns.category_fault)
            for path in profile.categories
        ),
    )


def decode(
    profile: Profile,
    keys: Sequence[bytes | None] | None,
    values: Sequence[bytes | None],
    offsets: NDArray[np.int64],
    limits: Limits | None = None,
) -> tuple[EventBatch, tuple[Reject, ...]]:
    """`Decoder.decode` for a single run."""
    return Decoder(profile, limits).decode(keys, values, offsets)


def from_columns(
    profile: Profile, named: Mapping[str, Values], offsets: NDArray[np.int64]
) -> tuple[EventBatch, tuple[Reject, ...]]:
    """`Decoder.from_columns` for a single run."""
    return Decoder(profile).from_columns(named, offsets)


def _pick(column: Values, rows: list[int]) -> Values:
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
