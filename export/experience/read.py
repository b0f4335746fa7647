"""A store back as arrays: rows by entity and time with what is known about each, or partition by partition."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from export.experience.columns import Column
from export.experience.content import Content, File, read_content
from export.experience.rows import Rows
from export.experience.schemas import FEATURE
from stream.errors import InputError

MOST_ROWS = 2_000_000  # the newest


@dataclass(frozen=True, slots=True)
class Experience:
    """Rows of events, those of one entity together and in the order of their offsets.

    row:      float32 [N, F], NaN where missing or masked
    entity:   int64 [N], rising: which entity a row is of
    label:    int8 [N], 1 confirmed, -1 dismissed, 0 no verdict
    alerted:  bool [N], whether there was an alert
    """

    columns: tuple[Column, ...]
    row: np.ndarray
    entity: np.ndarray
    label: np.ndarray
    alerted: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def read_experience(folder: Path) -> Experience:
    """The newest rows of the store in `folder`. Raises InputError where there is no store, or nothing in it."""
    content = read_content(folder)
    events = _newest(folder, content)
    if not events.num_rows:
        raise InputError(f"{folder} holds no event yet; `onsight-export collect` fills it from the topics")
    partition, offset = (events[name].to_numpy().astype(np.int64) for name in ("partition", "offset"))
    name = events["entity"].combine_chunks().dictionary_encode()
    entity = name.indices.to_numpy().astype(np.int64)
    order = np.lexsort((offset, partition, entity))
    row = np.stack([events[FEATURE + column.name].to_numpy() for column in content.columns], 1)
    places = list(zip(partition[order].tolist(), offset[order].tolist(), strict=True))
    judged, alerted = _judged(folder, content)
    return Experience(
        columns=content.columns,
        row=row[order],
        entity=entity[order],
        label=np.array([judged.get(place, 0) for place in places], np.int8),
        alerted=np.array([place in alerted for place in places], bool),
    )


def stored_rows(folder: Path, content: Content) -> Iterator[tuple[int, Rows]]:
    """Each source partition's rows in the order of their offsets, file by file, and the partition's number."""
    files = [file for file in content.files if file.kind == "events"]
    for file in sorted(files, key=lambda file: (file.partition, _committed(file))):
        table = pq.read_table(folder / file.path, partitioning=None)
        row = np.stack([table[FEATURE + column.name].to_numpy() for column in content.columns], 1)
        time = table["time"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
        yield file.partition, Rows(table["offset"].to_numpy(), table["entity"].to_pylist(), time, row)


def _newest(folder: Path, content: Content) -> pa.Table:
    """The event files of the newest days, as many as MOST_ROWS allows."""
    names = ["partition", "offset", "entity", *(FEATURE + column.name for column in content.columns)]
    tables: list[pa.Table] = []
    rows = 0
    files = sorted((file for file in content.files if file.kind == "events"), key=lambda f: (f.day, f.path))
    for file in reversed(files):
        if tables and rows + file.rows > MOST_ROWS:
            break
        tables.append(pq.read_table(folder / file.path, columns=names, partitioning=None))
        rows += file.rows
    if not tables:
        return pa.table({"partition": []})
    return pa.concat_tables(tables)


def _judged(folder: Path, content: Content) -> tuple[dict[tuple[int, int], int], set[tuple[int, int]]]:
    """The label of each event that has a verdict, by partition and offset, and which events had an alert.

    The verdict that was given last counts. One that names an alert alone is on the alert's event.
    """
    alerts = _rows(folder, content, "alerts", ("id", "partition", "offset"))
    of_alert = {name: (partition, offset) for name, partition, offset in alerts}
    verdicts = _rows(folder, content, "verdicts", ("time", "id", "partition", "offset", "label"))
    judged = {}
    for _, name, partition, offset, label in sorted(verdicts, key=lambda row: row[0]):
        place = (partition, offset) if offset >= 0 else of_alert.get(name)
        if place is not None:
            judged[place] = label
    return judged, set(of_alert.values())


def _rows(folder: Path, content: Content, kind: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of the files of a kind, in the order in which they were committed."""
    found: list[tuple[Any, ...]] = []
    for file in sorted((file for file in content.files if file.kind == kind), key=_committed):
        table = pq.read_table(folder / file.path, columns=list(names), partitioning=None)
        found += zip(*(table[name].to_pylist() for name in names), strict=True)
    return found


def _committed(file: File) -> str:
    """What orders files as they were committed: the name begins with the commit's number."""
    return file.path.rpartition("/")[2]
