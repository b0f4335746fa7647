"""Bytes or columns -> one batch of good events, and a reject for each of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from stream import columns as col
from stream.columns import Codes, Fault, Values
from stream.profile import Profile

JOINED_BYTES = 4_194_304  # runs up to this size are searched for brackets in one piece


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
        return EventBatch(
            self.offset[start:stop],
            self.entity[start:stop],
            self.time[start:stop],
            {path: column[start:stop] for path, column in self.numbers.items()},
            {path: column[start:stop] for path, column in self.codes.items()},
            {path: column[start:stop] for path, column in self.fields.items()},
        )


@dataclass(frozen=True, slots=True)
class Reject:
    index: int  # position in the decoded run
    offset: int
    reason: str  # a slug, the dead letter's reason header
    detail: str  # a sentence naming the field and the type seen, never an event's value
    field: str = ""  # the path at fault, empty where it is the whole record


@dataclass(frozen=True, slots=True)
class Limits:
    max_bytes: int = 262_144
    max_depth: int = 32  # of objects and lists in each other
    require_key: bool = True


class Decoder:
    """Decodes runs of one profile; what it keeps (codes of category values) changes no result."""

    def __init__(self, profile: Profile, limits: Limits | None = None) -> None:
        self.profile = profile
        self._limits = limits or Limits()
        self._codes = {path: Codes() for path in profile.categories}

    def decode(
        self, keys: Sequence[bytes | None] | None, values: Sequence[bytes | None], offsets: NDArray[np.int64]
    ) -> tuple[EventBatch, tuple[Reject, ...]]:
        """Decode a run of JSON records, in offset order; `keys` None: this source has none."""
        records, faults = _loaded(keys, values, self._limits)
        kept = np.arange(len(values))
        if faults:
            kept = np.delete(kept, list(faults))
        read: dict[str, Values] = {path: _extract(records, path) for path in self.profile.fields}
        return self._converted(read, kept, offsets, faults)

    def from_columns(
        self, columns: Mapping[str, Values], offsets: NDArray[np.int64]
    ) -> tuple[EventBatch, tuple[Reject, ...]]:
        """The same from columns named by their paths; an absent column is missing in every event."""
        absent = [None] * len(offsets)
        read = {path: columns.get(path, absent) for path in self.profile.fields}
        return self._converted(read, np.arange(len(offsets)), offsets, {})

    def _converted(
        self,
        read: dict[str, Values],
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

    def _batch(self, read: dict[str, Values], offset: NDArray[np.int64]) -> EventBatch | None:
        """All columns converted, or None if any holds a fault."""
        profile = self.profile
        entity = col.entity_column(read[profile.entity])
        time = col.time_column(read[profile.time.field], profile.time.unit)
        numbers = {path: col.number_column(read[path]) for path in profile.numbers}
        codes = {path: col.code_column(read[path], self._codes[path]) for path in profile.categories}
        good_numbers = {path: column for path, column in numbers.items() if column is not None}
        good_codes = {path: column for path, column in codes.items() if column is not None}
        if entity is None or time is None or len(good_numbers) < len(numbers) or len(good_codes) < len(codes):
            return None
        fields = {path: col.as_list(column) for path, column in read.items()}
        return EventBatch(offset, entity, time, good_numbers, good_codes, fields)

    def _faults(self, read: dict[str, Values]) -> dict[int, Fault]:
        """The first fault of each faulty row: entity before time before features."""
        profile, unit = self.profile, self.profile.time.unit
        faults: dict[int, Fault] = {}

        def note(path: str, convert: Any, describe: Any) -> None:
            column = read[path]
            if convert(column) is None:
                for row in range(len(column)):
                    if convert(column[row : row + 1]) is None:
                        faults.setdefault(row, describe(column[row], path))

        note(profile.entity, col.entity_column, col.entity_fault)
        note(
            profile.time.field,
            lambda values: col.time_column(values, unit),
            lambda value, path: col.time_fault(value, path, unit),
        )
        for path in profile.numbers:
            note(path, col.number_column, col.number_fault)
        for path in profile.categories:
            codes = self._codes[path]
            note(path, lambda values, codes=codes: col.code_column(values, codes), col.category_fault)
        return faults


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
    profile: Profile, columns: Mapping[str, Values], offsets: NDArray[np.int64]
) -> tuple[EventBatch, tuple[Reject, ...]]:
    """`Decoder.from_columns` for a single run."""
    return Decoder(profile).from_columns(columns, offsets)


def _loaded(
    keys: Sequence[bytes | None] | None, values: Sequence[bytes | None], limits: Limits
) -> tuple[list[dict[str, Any]], dict[int, Fault]]:
    """The JSON objects of the good records, in order, and the faults of the others by index."""
    present = [value for value in values if value is not None]
    keyed = keys is None or not limits.require_key or None not in keys
    if keyed and len(present) == len(values) and _harmless(present, limits):
        try:
            records = [orjson.loads(value) for value in present]
        except orjson.JSONDecodeError:
            records = [None]
        if set(map(type, records)) <= {dict}:
            return records, {}
    records, faults = [], {}
    for index, value in enumerate(values):
        loaded = _load(keys[index] if keys is not None else b"", value, limits)
        if isinstance(loaded, dict):
            records.append(loaded)
        else:
            faults[index] = loaded
    return records, faults


def _harmless(values: list[bytes], limits: Limits) -> bool:
    """Whether no record can break a limit, judged by lengths and brackets alone."""
    sizes = list(map(len, values))
    if max(sizes, default=0) > limits.max_bytes:
        return False
    if sum(sizes) <= JOINED_BYTES:
        joined = b"".join(values)
        spare = len(values) - 1  # each of the other records has a bracket of its own, or is no object
        if joined.count(b"{") + joined.count(b"[") - spare <= limits.max_depth:
            return True
    return all(value.count(b"{") + value.count(b"[") <= limits.max_depth for value in values)


def _load(key: bytes | None, value: bytes | None, limits: Limits) -> dict[str, Any] | Fault:
    if value is None:
        return "null-value", "the record has no value", ""
    if key is None and limits.require_key:
        return "null-key", "the record has no key", ""
    if len(value) > limits.max_bytes:
        return "too-large", f"the value has {len(value)} bytes, at most {limits.max_bytes} are taken", ""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        # orjson gives up on very deep nesting with either of these.
        too_deep = error.msg.startswith(("depth limit", "failed to allocate"))
        return (
            "too-deep" if too_deep else "not-json",
            f"the value isn't JSON that can be read: {error.msg}",
            "",
        )
    if not isinstance(record, dict):
        return "not-an-object", f"the value is {col.json_name(record)}, expected an object", ""
    if _deeper_than(limits.max_depth, record):
        return "too-deep", f"objects and lists are nested more than {limits.max_depth} deep", ""
    return record


def _deeper_than(depth: int, record: dict[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(depth):
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    return bool(level)


def _extract(records: list[dict[str, Any]], path: str) -> list[Any]:
    """Values at a dotted path, None where missing; a literal dotted key wins over the path."""
    values = [record.get(path) for record in records]
    if "." in path and None in values:
        steps = path.split(".")
        return [record[path] if path in record else _walk(record, steps) for record in records]
    return values


def _walk(record: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(record, dict):
            return None
        record = record.get(step)
    return record


def _pick(column: Values, rows: list[int]) -> Values:
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
