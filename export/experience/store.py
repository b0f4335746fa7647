"""The experience store: Parquet files by day, and one record of which of them count and how far each topic was read.

A commit writes its files first and then `store.json`, which replaces the one before as a whole. What the record
doesn't name was never committed, and goes when the store is opened next. So whatever ends a collector, the offsets in
the record are those that the rows stand at: no event is kept twice, none is left out.

    store.json                    version, columns, offsets, files
    events/day=2026-01-31/*.parquet    as `schemas` has them; a file is under the day of its middle event
    alerts/day=.../*.parquet
    verdicts/day=.../*.parquet
    state/*.parquet               what the features of the events to come depend on, by partition
"""

import fcntl
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from export.experience.columns import Column
from export.experience.content import RECORD, Content, File, read_content, write_content
from stream.errors import InputError
from stream.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

LOCK = "lock"
STATE = "state"
MOST_STATE_FILES = 32  # of a partition, before they become one


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that a commit adds: one file of `kind`, of one source partition."""

    kind: str
    partition: int
    day: str
    table: "pa.Table"


class Store:
    """One store, open for one collector at a time. Use it in a `with`.

    limit: bytes that all files together may take; the oldest days go first
    """

    def __init__(self, folder: Path, layout: str, columns: Sequence[Column], limit: int) -> None:
        self.content = Content(layout, tuple(columns))
        self._folder, self._limit = folder, limit
        self._lock = -1

    def __enter__(self) -> "Store":
        """Raises InputError: another collector has it, it is of other columns, or it can't be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise InputError(
                f"{self._folder} is being written by another `onsight-export collect`"
            ) from error
        except OSError as error:
            raise InputError(f"{self._folder} can't be written: {error.strerror}") from error
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def _open(self) -> None:
        if (self._folder / RECORD).exists():
            found = read_content(self._folder)
            if found.layout != self.content.layout:
                names = ", ".join(column.name for column in found.columns)
                raise InputError(
                    f"{self._folder} holds experience of another profile (columns {names}): collect into another folder"
                )
            self.content = found
        self._clean()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def state(self, partition: int) -> list[Record]:
        """The state records of a source partition, oldest first."""
        return [record for file in self._state_files(partition) for record in self._read_state(file)]

    def _state_files(self, partition: int) -> list[File]:
        return [file for file in self.content.files if file.kind == STATE and file.partition == partition]

    def _read_state(self, file: File) -> list[Record]:
        import pyarrow.parquet as pq

        table = pq.read_table(self._folder / file.path)
        return list(zip(table["key"].to_pylist(), table["value"].to_pylist(), strict=True))

    def commit(
        self,
        parts: Iterable[Part],
        states: Mapping[int, Sequence[Record]],
        offsets: Mapping[tuple[str, int], int],
    ) -> None:
        """Add rows, what changed of each source partition's state, and how far that reaches: all or nothing."""
        number = self.content.commits + 1
        files = list(self.content.files)
        for at, part in enumerate(parts):
            name = f"{part.kind}/day={part.day}/{number:09d}-{at}.parquet"
            files.append(self._write(name, part.kind, part.partition, part.day, part.table))
        for partition, records in states.items():
            files = self._with_state(files, number, partition, records)
        merged = {topic: dict(partitions) for topic, partitions in self.content.offsets.items()}
        for (topic, partition), at in offsets.items():
            merged.setdefault(topic, {})[partition] = at
        kept, dropped = _within(files, self._limit)
        before = self.content
        self.content = Content(before.layout, before.columns, number, merged, kept, before.dropped + dropped)
        write_content(self._folder, self.content)
        for gone in {file.path for file in before.files} - {file.path for file in kept}:
            self._remove(self._folder / gone)

    def _with_state(
        self, files: list[File], number: int, partition: int, records: Sequence[Record]
    ) -> list[File]:
        """The files with the partition's changed state among them; many of them become one."""
        own = [file for file in files if file.kind == STATE and file.partition == partition]
        if len(own) >= MOST_STATE_FILES:
            files = [file for file in files if file not in own]
            newest = dict(record for file in own for record in self._read_state(file)) | dict(records)
            records = [(key, value) for key, value in newest.items() if value is not None]
        return [
            *files,
            self._write(f"{STATE}/{number:09d}-{partition}.parquet", STATE, partition, "", _packed(records)),
        ]

    def _write(self, name: str, kind: str, partition: int, day: str, table: "pa.Table") -> File:
        import pyarrow.parquet as pq

        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        return File(name, kind, partition, day, table.num_rows, path.stat().st_size)

    def _clean(self) -> None:
        """Remove what was written and never committed."""
        known = {file.path for file in self.content.files}
        for path in [*self._folder.glob("*/day=*/*.parquet"), *self._folder.glob(f"{STATE}/*.parquet")]:
            if path.relative_to(self._folder).as_posix() not in known:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent.name.startswith("day=") and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _packed(records: Sequence[Record]) -> "pa.Table":
    import pyarrow as pa

    keys, values = [key for key, _ in records], [value for _, value in records]
    return pa.table({"key": pa.array(keys, pa.binary()), "value": pa.array(values, pa.binary())})


def _within(files: Sequence[File], limit: int) -> tuple[tuple[File, ...], int]:
    """The files without the oldest ones above the limit, and how many rows those held; state always stays."""
    above = sum(file.bytes for file in files) - limit
    gone: set[str] = set()
    dropped = 0
    for file in sorted(
        (file for file in files if file.kind != STATE), key=lambda file: (file.day, file.path)
    ):
        if above <= 0:
            break
        gone.add(file.path)
        above -= file.bytes
        dropped += file.rows
    return tuple(file for file in files if file.path not in gone), dropped
