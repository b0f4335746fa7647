"""A profile proposed from a sample of someone's own events; each choice says why."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.columns import PER_SECOND, time_column
from stream.errors import InputError
from stream.field_words import ACTED_ON, ACTORS, CODES, LABELS, TIMES
from stream.profile import Unit
from stream.sample import Column, columns_of

YEAR_2000, YEAR_2100 = 946_684_800, 4_102_444_800
WINDOWS = {60: "in a minute", 600: "in 10 minutes", 3600: "in an hour", 86_400: "in a day"}
MAX_FEATURES = 16
MAX_SHOWN = 3
UNIQUE = "nearly every event has a value of its own"


@dataclass(frozen=True, slots=True)
class Line:
    """One YAML mapping and the reason for it."""

    content: dict[str, Any]
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a profile may say, from a sample of `events` events."""

    events: int
    entity: Line
    time: Line
    features: tuple[Line, ...]
    show: tuple[str, ...]
    left_out: dict[str, str]  # path: why


def propose(records: Sequence[Mapping[str, Any]]) -> Proposal:
    """Guess entity, time and features. Raises InputError if no field looks like an entity or a time."""
    if not records:
        raise InputError("the sample has no events: expected JSON objects, one a line, or rows of Parquet")
    columns = columns_of(records)
    time, unit, time_why = _time(columns)
    entity, entity_why = _entity([column for column in columns.values() if column is not time])
    noun = next((ACTORS[word] for word in ACTORS if word in entity.words), "entity")
    others = [column for column in columns.values() if column is not entity and column is not time]
    left_out = {column.path: why for column in others if (why := _useless(column))}
    useful = [column for column in others if column.path not in left_out]
    chosen = sorted(useful, key=lambda column: -column.present)[:MAX_FEATURES]
    left_out |= {c.path: f"{MAX_FEATURES} are enough to start with" for c in useful if c not in chosen}
    moments = _moments(noun, len(records) / entity.distinct, _seconds(time, unit))
    return Proposal(
        len(records),
        Line({"field": entity.path, "noun": noun}, entity_why),
        Line({"field": time.path, "unit": unit}, time_why),
        _named([*(_feature(column) for column in useful if column in chosen), *moments]),
        tuple(path for path, why in left_out.items() if why == UNIQUE)[:MAX_SHOWN],
        left_out,
    )


def _time(columns: Mapping[str, Column]) -> tuple[Column, Unit, str]:
    found: list[tuple[float, Column, Unit, str]] = []
    for column in columns.values():
        guess = _time_unit(column) if column.present > 0.95 else None
        if guess:
            points, unit, why = guess
            hint = bool(column.words & TIMES)
            points += 2 * hint + column.rising + min(column.distinct / column.events, 0.5)
            found.append((points, column, unit, f"{why}; its name says so" if hint else why))
    if not found:
        raise InputError(
            "no field looks like a time: expected ISO 8601 text, or seconds, ms, us or ns since 1970; "
            f"the fields are {_listed(columns)}"
        )
    _, column, unit, why = max(found, key=lambda one: one[0])
    return column, unit, why


def _time_unit(column: Column) -> tuple[float, Unit, str] | None:
    """Points, unit and reason, if the column may be a time at all."""
    if column.kind == "timestamp":
        return 4.0, "iso", "a column of timestamps"
    if column.kind == "text" and time_column(column.values, "iso") is not None:
        return 4.0, "iso", "reads as ISO 8601"
    if column.kind != "number" or not len(column.numbers):
        return None
    low, high = column.numbers.min(), column.numbers.max()
    for unit, per_second in PER_SECOND.items():
        if YEAR_2000 * per_second <= low and high < YEAR_2100 * per_second:
            return 3.0, unit, f"reads as {unit} since 1970, between 2000 and 2100"
    if (
        low >= 0
        and high < YEAR_2100
        and column.words & TIMES
        and column.words.isdisjoint({"days", "elapsed"})
    ):
        return 0.0, "s", "a number that isn't negative, taken as seconds"
    return None


def _seconds(column: Column, unit: Unit) -> NDArray[np.float64] | None:
    if column.kind == "timestamp":
        naive = [value.replace(tzinfo=None) for value in column.values]
        return time_column(np.array(naive, "datetime64[us]"), unit)
    return time_column(column.values, unit)


def _entity(columns: Sequence[Column]) -> tuple[Column, str]:
    able = [
        column
        for column in columns
        if (column.kind == "text" or column.whole)
        and column.present > 0.95
        and 2 <= column.distinct <= 0.9 * column.events
        and column.words.isdisjoint(LABELS)
    ]
    if not able:
        raise InputError(
            "no field looks like an entity: expected text or whole numbers that repeat, at least 2 values "
            f"and fewer than events; the fields are {_listed({c.path: c for c in columns})}"
        )
    best = max(able, key=_entity_points)
    why = f"{best.distinct:,} values, each in {best.events / best.distinct:,.1f} events on average"
    return best, f"{why}; its name says who acts" if best.words & ACTORS.keys() else why


def _entity_points(column: Column) -> float:
    """An actor's name counts most, then how many there are: an entity has more values than a category."""
    points = math.log(column.distinct) / math.log(column.events)
    if column.words & ACTED_ON:
        points += 1.0
    elif column.words & ACTORS.keys():
        points += 2.0
    points += 0.5 * ("id" in column.words) - 3.0 * bool(column.words & (CODES - {"id"}))
    return points - 0.25 * column.whole - 1.0 * (column.distinct > 0.5 * column.events)


def _feature(column: Column) -> Line:
    missing = "" if column.present == 1 else f"; missing in {1 - column.present:.1%}"
    if column.kind == "number" and not (column.whole and column.words & CODES):
        transform, why = _transform(column)
        content = {"kind": "number", "field": column.path} | ({"transform": transform} if transform else {})
        return Line(content, why + missing)
    why = f"{column.distinct:,} values; only equality means anything"
    return Line({"kind": "category", "field": column.path}, why + missing)


def _useless(column: Column) -> str:
    if column.kind == "mixed":
        return "values of several types, or lists"
    if column.words & LABELS:
        return "reads like a label, which nobody knows when the event happens"
    if column.present < 0.05:
        return f"missing in {1 - column.present:.1%} of the events"
    if column.distinct == 1:
        return "always the same"
    guess = _time_unit(column)
    if guess and (guess[0] > 0 or column.rising > 0.999):
        return "another time"
    named = column.kind == "text" or (column.whole and "id" in column.words)
    if named and column.distinct > 0.5 * len(column.values):
        return UNIQUE
    if column.kind == "number" and column.distinct > 2 and column.rising > 0.999:
        return "only ever grows: a counter, or time itself"
    return ""


def _transform(column: Column) -> tuple[str | None, str]:
    values = column.numbers
    low, middle, high = np.quantile(values, (0.0, 0.5, 1.0))
    why = f"{low:,.6g} to {high:,.6g}, median {middle:,.6g}"
    spread = values.std()
    skew = float(((values - values.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    if low >= 0 and skew > 2:
        return "log1p", f"{why}; skewed, so on a log scale"
    if low < 0 and abs(skew) > 2:
        return "signed_log", f"{why}; skewed on both sides of 0"
    return None, why


def _moments(noun: str, events_each: float, seconds: NDArray[np.float64] | None) -> list[Line]:
    """The features that come from time alone; `seconds`: float64 [B] times, None if not known here."""
    lines = []
    if seconds is None or float(np.median(seconds)) >= YEAR_2000:
        lines.append(Line({"name": "time of day", "kind": "time_of_day"}, "habits have hours (UTC)"))
    lines.append(
        Line(
            {"name": "time since the previous event", "kind": "elapsed"}, f"how soon after this {noun}'s last"
        )
    )
    window = 600
    if seconds is not None and len(seconds):
        gap = float(np.ptp(seconds)) / max(events_each, 1.0)
        window = next((length for length in WINDOWS if length >= 2 * gap), 86_400)
    rate = {"name": f"events {WINDOWS[window]}", "kind": "rate", "of": "entity"}
    lines.append(Line(rate | {"seconds": window, "direction": "high"}, f"bursts of one {noun}"))
    return lines


def _named(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Each line with a name of its own: the last step of its path in words, or the whole path."""
    taken = {line.content["name"] for line in lines if "name" in line.content}
    named = []
    for line in lines:
        content = line.content
        if "name" not in content:
            path = content["field"]
            words = path.rpartition(".")[2].replace("_", " ").strip()
            name = words if words and words not in taken else path
            taken.add(name)
            content = {"name": name} | content
        named.append(Line(content, line.why))
    return tuple(named)


def _listed(columns: Mapping[str, Column]) -> str:
    parts = [f"{path} ({column.kind}, {column.distinct} values)" for path, column in columns.items()]
    return ", ".join(parts[:12]) + (", ..." if len(parts) > 12 else "")
