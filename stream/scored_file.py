"""Scored events as a file, Parquet or JSON lines by its suffix: the same events give the same bytes.

One row an event: position, entity, time, score, p_value, alert, and reasons as texts (none where there is no alert). A
file appears under its name only when it is whole.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

from stream.errors import InputError
from stream.events import Reject
from stream.replay import Scored

Write = Callable[[Scored], None]

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
ROW_GROUP = 131_072  # rows


@contextmanager
def scored_file(path: Path) -> Iterator[Write]:
    """Yields what writes the next rows. Raises InputError for an unknown suffix, or where it can't write."""
    if not path.name.endswith(SUFFIXES):
        raise InputError(
            f"{path}: its suffix names no format that is written, expected {', '.join(SUFFIXES)}"
        )
    with _whole(path) as part:
        opened = _parquet(part) if path.suffix == ".parquet" else _lines(part, path.suffix == ".gz")
        with opened as write:
            yield write


@contextmanager
def rejects_file(path: Path) -> Iterator[Callable[[Sequence[Reject]], None]]:
    """Yields what writes rejects as JSON lines: position in the file, reason, detail. Raises InputError."""
    with _whole(path) as part, part.open("wb") as file:

        def write(rejects: Sequence[Reject]) -> None:
            for reject in rejects:
                row = {"position": reject.offset, "reason": reject.reason, "detail": reject.detail}
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

        yield write


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A place to write that becomes `path` if all goes well, and else is gone."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _lines(path: Path, zipped: bool) -> Iterator[Write]:
    with path.open("wb") as raw, _gzip(raw) if zipped else raw as file:

        def write(scored: Scored) -> None:
            file.writelines(_json_lines(scored))

        yield write


def _gzip(file: IO[bytes]) -> gzip.GzipFile:
    """Without the name and the time of day that gzip would write into the header."""
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)


def _json_lines(scored: Scored) -> Iterator[bytes]:
    reasons = _reasons(scored)
    rows = zip(
        scored.position.tolist(),
        scored.entity,
        np.datetime_as_string(_microseconds(scored), timezone="UTC").tolist(),
        scored.score,  # as float32, which prints shorter
        scored.p_value.tolist(),
        strict=True,
    )
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    for row, (position, entity, time, score, p_value) in enumerate(rows):
        yield orjson.dumps(
            {
                "position": position,
                "entity": entity,
                "time": time,
                "score": score,
                "p_value": p_value,
                "alert": row in reasons,
                "reasons": reasons.get(row, ()),
            },
            option=option,
        )


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError("writing Parquet needs pyarrow: pip install 'onsight[parquet]'") from error
    schema = pa.schema(
        {
            "position": pa.int64(),
            "entity": pa.string(),
            "time": pa.timestamp("us", tz="UTC"),
            "score": pa.float32(),
            "p_value": pa.float64(),
            "alert": pa.bool_(),
            "reasons": pa.list_(pa.string()),
        }
    )
    waiting: list[Any] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def write(scored: Scored) -> None:
            waiting.append(pa.record_batch(_columns(scored), schema=schema))
            if sum(batch.num_rows for batch in waiting) >= ROW_GROUP:
                rows = pa.Table.from_batches(waiting)
                writer.write_table(rows.slice(0, ROW_GROUP))
                waiting[:] = rows.slice(ROW_GROUP).to_batches()

        yield write
        writer.write_table(pa.Table.from_batches(waiting, schema))


def _columns(scored: Scored) -> list[Any]:
    """Arrow arrays in the order of the schema."""
    import pyarrow as pa

    reasons = _reasons(scored)
    alert, size = np.zeros(len(scored), bool), np.zeros(len(scored) + 1, np.int32)
    for row, texts in reasons.items():
        alert[row], size[row + 1] = True, len(texts)
    texts = pa.array([text for row in sorted(reasons) for text in reasons[row]], pa.string())
    return [
        scored.position,
        pa.array(scored.entity, pa.string()),
        pa.array(_microseconds(scored)),
        scored.score,
        scored.p_value,
        alert,
        pa.ListArray.from_arrays(np.cumsum(size, dtype=np.int32), texts),
    ]


def _reasons(scored: Scored) -> dict[int, tuple[str, ...]]:
    """The texts of each alerting row."""
    return {row: tuple(reason.text for reason in alert.reasons) for row, alert in scored.alerts}


def _microseconds(scored: Scored) -> np.ndarray:
    """Times as datetime64[us] [B]."""
    return np.rint(scored.time * 1e6).astype(np.int64).view("datetime64[us]")
