"""What a store says of itself: `store.json`, replaced as a whole at every commit."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from export.experience.columns import Column
from stream.errors import InputError

VERSION = 1
RECORD = "store.json"

Offsets = dict[str, dict[int, int]]  # by topic and partition: the next offset to read


@dataclass(frozen=True, slots=True)
class File:
    """A committed file. `kind`: events, alerts, verdicts or state; `day` is empty for state."""

    path: str  # within the store
    kind: str
    partition: int
    day: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Content:
    """The store as it stands: what `store.json` says."""

    layout: str
    columns: tuple[Column, ...]
    commits: int = 0
    offsets: Offsets = field(default_factory=dict)
    files: tuple[File, ...] = ()
    dropped: int = 0  # rows that the limit has cost so far


def read_content(folder: Path) -> Content:
    """What the store in `folder` says of itself. Raises InputError."""
    try:
        told = orjson.loads((folder / RECORD).read_bytes())
        if told["version"] != VERSION:
            raise InputError(
                f"{folder / RECORD} is of version {told['version']}, expected {VERSION}: another release of onsight "
                "wrote it; use that one, or collect into another folder"
            )
        return Content(
            layout=told["layout"],
            columns=tuple(Column(**column) for column in told["columns"]),
            commits=told["commits"],
            offsets={
                topic: {int(number): at for number, at in partitions.items()}
                for topic, partitions in told["offsets"].items()
            },
            files=tuple(File(**file) for file in told["files"]),
            dropped=told["dropped"],
        )
    except FileNotFoundError:
        raise InputError(
            f"{folder} is no experience store: it has no {RECORD}; `onsight-export collect` makes one"
        ) from None
    except (orjson.JSONDecodeError, KeyError, TypeError, OSError) as error:
        raise InputError(
            f"{folder / RECORD} can't be read ({type(error).__name__}: {error}); it is written by "
            "`onsight-export collect` alone, so bring it back from a copy, or collect into another folder"
        ) from error


def write_content(folder: Path, content: Content) -> None:
    """Replace what the store says, as a whole or not at all."""
    told: dict[str, Any] = {"version": VERSION, **asdict(content)}
    whole = folder / f"{RECORD}.new"
    with whole.open("wb") as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        file.flush()
        os.fsync(file.fileno())
    whole.replace(folder / RECORD)
