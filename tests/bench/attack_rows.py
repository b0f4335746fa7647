"""Files of flows with a column `attack_class`, and few-shot cases drawn from them."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tests.bench.cluster import GaveUp

KIND = "attack_class"
NORMAL = re.compile("normal|benign", re.IGNORECASE)
PLACES = r"(.*[ _.])?(ip|addr|address|mac|port|h|p)|([sd]|src|dst|ds|source|destination)_?(ip|addr|port|mac)"
TIMES = r"(.*[ _.])?(timestamp|ts|date|datetime|start_?time|end_?time|[sl]time|time)|(flow|record|pkseq|.*[ _.])?id|uid"
VERDICTS = r"label.*|attack.*|(.*[ _.])?class|(sub)?category|difficulty.*"
LEFT_OUT = f"{PLACES}|{TIMES}|{VERDICTS}"
FEWEST = 4  # rows of a class that is asked for


@dataclass(frozen=True, slots=True)
class Flows:
    """One file. A category's values are numbered from 1, a missing value is NaN.

    rows:     float32 [N, F]
    category: float32 [F], 1 for what is not a number
    kind:     [N], the class of each row
    """

    name: str
    rows: np.ndarray
    category: np.ndarray
    kind: np.ndarray
    left_out: tuple[str, ...]

    def classes(self) -> list[str]:
        """The attacks with rows enough, in the order of their names."""
        names, count = np.unique(self.kind, return_counts=True)
        enough = names[count >= FEWEST].tolist()
        return [name for name in enough if not NORMAL.search(name)]


@dataclass(frozen=True, slots=True)
class Case:
    """Normal rows with labelled attacks of one class after them, and queries; all float32 [*, F]."""

    rows: np.ndarray
    label: np.ndarray  # [L], 1 for the attacks
    query: np.ndarray
    anomalous: np.ndarray  # bool [Q]
    category: np.ndarray  # [F]


def read_flows(path: Path, left_out: str = LEFT_OUT) -> Flows:
    """The flows of a Parquet file without the columns that tell the class, or whose whole name `left_out` matches.

    Raises GaveUp where there is no column `attack_class`, no normal row, or nothing to tell flows apart by.
    """
    table = pyarrow.parquet.read_table(path)
    if KIND not in table.column_names:
        raise GaveUp(f"{path} has no column {KIND}; its columns are {', '.join(table.column_names)}")
    kind = np.array(table.column(KIND).to_pylist(), str)
    names, columns, coded, gone = [], [], [], []
    for name in table.column_names:
        column = table.column(name)
        number = (
            pa.types.is_integer(column.type)
            or pa.types.is_floating(column.type)
            or pa.types.is_boolean(column.type)
        )
        values = _numbers(column) if number else _codes(column)
        if re.fullmatch(left_out, name, re.IGNORECASE) or name == KIND or _tells(values, kind):
            gone.append(name)
            continue
        names.append(name)
        columns.append(values)
        coded.append(float(not number))
    if not columns or not any(NORMAL.search(one) for one in np.unique(kind)):
        raise GaveUp(f"{path} has {len(columns)} usable columns and the classes {', '.join(np.unique(kind))}")
    return Flows(path.stem, np.stack(columns, 1), np.array(coded, np.float32), kind, tuple(gone))


def cases(flows: Flows, kind: str, known: int, rows: int, queries: int, draws: int) -> Iterator[Case]:
    """`draws` contexts of `rows` normal rows and up to `known` labelled attacks, at most half of the class.

    The same draw has the same normal rows and queries whatever is `known`, up to the small classes' attacks.
    """
    usual = np.flatnonzero([bool(NORMAL.search(one)) for one in flows.kind])
    attacks = np.flatnonzero(flows.kind == kind)
    for draw in range(draws):
        rng = np.random.default_rng([draw, zlib.crc32(kind.encode())])
        normal, strange = rng.permutation(usual), rng.permutation(attacks)
        context = min(rows, len(normal) // 2)
        labelled = strange[: min(known, len(strange) // 2)]
        asked = normal[context : context + queries], strange[len(labelled) :][:queries]
        query = np.concatenate(asked)
        yield Case(
            flows.rows[np.concatenate([normal[:context], labelled])],
            (np.arange(context + len(labelled)) >= context).astype(np.float32),
            flows.rows[query],
            np.arange(len(query)) >= len(asked[0]),
            flows.category,
        )


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    values = pc.cast(column, pa.float64()).to_numpy()
    return np.where(np.abs(values) < 1e37, values, np.nan).astype(np.float32)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers from 1 for the values in the order of their texts, NaN where there is none."""
    values = column.to_pylist()
    order = {
        text: float(code) for code, text in enumerate(sorted({str(v) for v in values if v is not None}), 1)
    }
    return np.array([np.nan if value is None else order[str(value)] for value in values], np.float32)


def _tells(values: np.ndarray, kind: np.ndarray) -> bool:
    """Whether a column is the class under another name: one value in each, and no attack has that of normal rows."""
    known = np.nan_to_num(values, nan=-1.0)
    found = {str(one): np.unique(known[kind == one]).tolist() for one in np.unique(kind)}
    normal = {value for name, values in found.items() if NORMAL.search(name) for value in values}
    attack = {value for name, values in found.items() if not NORMAL.search(name) for value in values}
    return max(map(len, found.values())) == 1 and normal.isdisjoint(attack)
