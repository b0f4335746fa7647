"""What the columns of a sample of events look like: the facts that a profile is guessed from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MAX_DEPTH = 4
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

Kind = Literal["number", "text", "boolean", "timestamp", "mixed"]


@dataclass(frozen=True)
class Column:
    """The values at one path of a sample of `events` events."""

    path: str
    events: int
    values: tuple[Any, ...]  # those present, in order

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the path: `id.orig_h` has id, orig and h; `customerId` has customer and id."""
        return frozenset(word.lower() for word in WORDS.findall(self.path))

    @cached_property
    def kind(self) -> Kind:
        """What all of the values are."""
        types = set(map(type, self.values))
        if types <= {int, float, Decimal}:
            return "number"
        if types == {str}:
            return "text"
        if types == {bool}:
            return "boolean"
        return "timestamp" if all(issubclass(one, datetime) for one in types) else "mixed"

    @property
    def present(self) -> float:
        """Share of the events that have a value."""
        return len(self.values) / self.events

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(map(str, self.values)))

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers."""
        return self.kind == "number" and all(isinstance(value, int) for value in self.values)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The values of a number column."""
        return np.array([float(value) for value in self.values if abs(value) < 1e300], np.float64)

    @property
    def rising(self) -> float:
        """Share of the steps from one value to the next that don't go down."""
        steps = np.diff(self.numbers) if self.kind == "number" else np.array([])
        return float((steps >= 0).mean()) if len(steps) else 0.0


def columns_of(records: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """The columns of a sample by path, in order of appearance; a literal dotted key wins over a path."""
    values: dict[str, list[Any]] = {}
    for record in records:
        found = dict(_leaves(record)) | dict(_leaves(record, depth=MAX_DEPTH))
        for path, value in found.items():
            values.setdefault(path, []).append(value)
    return {path: Column(path, len(records), tuple(column)) for path, column in values.items()}


def _leaves(record: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if prefix and ("." in key or not key):
            continue  # a path can't name it
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if depth < MAX_DEPTH and "." not in path.removeprefix(prefix):
                yield from _leaves(value, f"{path}.", depth + 1)
        elif value is not None and value == value and path.strip():
            yield path, value
