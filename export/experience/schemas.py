"""What the store's files hold, column by column: events, alerts and verdicts as Arrow tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from export.experience.columns import Column
from export.experience.rows import Rows

FEATURE = "feature: "
MICROSECONDS = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What is kept of an alert; time is seconds since 1970 UTC."""

    id: str
    partition: int  # of its event's topic, as its offset
    offset: int
    time: float
    score: float
    p_value: float
    severity: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What is kept of a verdict; `partition` and `offset` of its event are -1 where it names none of this topic."""

    id: str
    partition: int
    offset: int
    entity: str
    label: int  # 1 confirmed, -1 dismissed
    time: float  # when it was given


EVENTS = [("partition", pa.int32()), ("offset", pa.int64()), ("entity", pa.string()), ("time", MICROSECONDS)]
ALERTS = [
    *(("id", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()), ("time", MICROSECONDS)),
    *(("score", pa.float32()), ("p_value", pa.float64()), ("severity", pa.string())),
]
VERDICTS = [
    *(("id", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()), ("entity", pa.string())),
    *(("label", pa.int8()), ("time", MICROSECONDS)),
]


def events(partition: int, parts: Sequence[Rows], columns: Sequence[Column]) -> tuple[str, pa.Table]:
    """One partition's rows as a table, and the day that it belongs to."""
    time, row = np.concatenate([part.time for part in parts]), np.concatenate([part.row for part in parts])
    content: dict[str, object] = {
        "partition": np.full(len(time), partition, np.int32),
        "offset": np.concatenate([part.offset for part in parts]),
        "entity": [entity for part in parts for entity in part.entity],
        "time": _microseconds(time),
    }
    content |= {FEATURE + column.name: row[:, at] for at, column in enumerate(columns)}
    features = [(FEATURE + column.name, pa.float32()) for column in columns]
    return _day(time), pa.table(content, schema=pa.schema([*EVENTS, *features]))


def alerts(rows: Sequence[AlertRow]) -> tuple[str, pa.Table]:
    """Alerts as a table, and the day that it belongs to."""
    return _listed(rows, ALERTS)


def verdicts(rows: Sequence[VerdictRow]) -> tuple[str, pa.Table]:
    """Verdicts as a table, and the day that it belongs to."""
    return _listed(rows, VERDICTS)


def _listed(
    rows: Sequence[AlertRow] | Sequence[VerdictRow], fields: Sequence[tuple[str, pa.DataType]]
) -> tuple[str, pa.Table]:
    time = np.array([row.time for row in rows])
    content: dict[str, object] = {name: [getattr(row, name) for row in rows] for name, _ in fields}
    content["time"] = _microseconds(time)
    return _day(time), pa.table(content, schema=pa.schema(list(fields)))


def _microseconds(time: np.ndarray) -> np.ndarray:
    return np.rint(time * 1e6).astype(np.int64).view("datetime64[us]")


def _day(time: np.ndarray) -> str:
    """The day of the middle one of these times: a few absurd ones change nothing."""
    middle = np.sort(time)[len(time) // 2]
    return str(_microseconds(np.array([middle]))[0].astype("datetime64[D]"))
