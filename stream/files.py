"""Input files as batches: JSON lines, gzipped too, or Parquet; what a file is, its first bytes say.

The position of an event is its place in the file from 0, blank lines not counted: the offset that it would
have in a topic of one partition.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from stream.columns import Values
from stream.errors import InputError
from stream.events import Decoder, EventBatch, Reject

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"


@dataclass(frozen=True, slots=True)
class Lines:
    """Raw JSON texts, one an event, from position `start` on."""

    start: int
    values: list[bytes]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns named by their dotted paths, of the `rows` events from position `start` on."""

    start: int
    rows: int
    columns: dict[str, Values]

    def __len__(self) -> int:
        return self.rows


def is_parquet(path: Path) -> bool:
    """By the file's first bytes. Raises InputError where it can't be opened."""
    return _first_bytes(path, 4) == PARQUET


def read_events(
    path: Path, decoder: Decoder, size: int = 2048
) -> Iterator[tuple[EventBatch, tuple[Reject, ...]]]:
    """Decoded runs of `size` events; offsets are positions in the file. Raises InputError."""
    for run in read(path, decoder.profile.fields, size):
        offsets = np.arange(run.start, run.start + len(run))
        if isinstance(run, Lines):
            yield decoder.decode(None, run.values, offsets)
        else:
            yield decoder.from_columns(run.columns, offsets)


def read(path: Path, fields: Sequence[str], size: int = 2048) -> Iterator[Lines | Table]:
    """Runs of `size` events, undecoded; `fields` are the paths that a Parquet file is read for."""
    return _tables(path, fields, size) if is_parquet(path) else read_lines(path, size)


def read_lines(path: Path, size: int = 2048) -> Iterator[Lines]:
    """Runs of `size` JSON lines. Raises InputError if the file can't be read, or not to its end."""
    start = 0
    try:
        with _opened(path) as file:
            while block := list(islice(file, size)):
                values = [line for raw in block if (line := raw.strip())]
                if values:
                    yield Lines(start, values)
                start += len(values)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: can't be read past event {start} ({error}), expected JSON lines"
        ) from error


def read_records(path: Path, limit: int) -> Iterator[dict[str, Any]]:
    """The first `limit` events as Python values, those that aren't JSON objects left out."""
    if is_parquet(path):
        rows = (row for batch in _parquet_batches(path, None, 2048) for row in batch.to_pylist())
        yield from islice(rows, limit)
        return
    for run in read_lines(path):
        for value in run.values[: max(0, limit - run.start)]:
            try:
                record = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue
            if isinstance(record, dict):
                yield record
        if run.start + len(run) >= limit:
            return


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise InputError(
            f"{path}: can't be opened ({error.strerror}), expected JSON lines or Parquet"
        ) from error


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    if _first_bytes(path, 2) == GZIP:
        return gzip.open(path, "rb")
    return path.open("rb")


def _parquet_batches(path: Path, fields: Sequence[str] | None, size: int) -> Iterator[Any]:
    """Arrow record batches of the top-level columns that `fields` are in (None: of all columns)."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError(f"{path} is Parquet, which needs pyarrow: pip install 'onsight[parquet]'") from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if fields is not None:
                names = [
                    name for name in names if any(f"{field}.".startswith(f"{name}.") for field in fields)
                ]
            yield from file.iter_batches(batch_size=size, columns=names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: can't be read as Parquet ({error})") from error


def _tables(path: Path, fields: Sequence[str], size: int) -> Iterator[Table]:
    start = 0
    for batch in _parquet_batches(path, fields, size):
        found = {field: _column(batch, field) for field in fields}
        columns = {field: _values(array) for field, array in found.items() if array is not None}
        yield Table(start, batch.num_rows, columns)
        start += batch.num_rows


def _column(batch: Any, field: str) -> Any:
    """The Arrow array at a dotted path, None if there is none; a literal dotted name wins over the path."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if field in batch.schema.names:
        return batch.column(field)
    name, *steps = field.split(".")
    if name not in batch.schema.names:
        return None
    array = batch.column(name)
    for step in steps:
        if not pa.types.is_struct(array.type) or array.type.get_field_index(step) < 0:
            return None
        array = pc.struct_field(array, step)
    return array


def _values(array: Any) -> Values:
    """numpy for numbers and timestamps, else a list; integers with gaps stay exact in a list."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif pa.types.is_date(kind):
        array = array.cast(pa.timestamp("us"))
    kind = array.type
    if (
        pa.types.is_floating(kind)
        or pa.types.is_timestamp(kind)
        or (pa.types.is_integer(kind) and array.null_count == 0)
    ):
        values: Values = array.to_numpy(zero_copy_only=False)
    else:
        values = array.to_pylist()
    return values
