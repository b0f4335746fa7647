"""Sets of rows: normal ones to draw contexts from, and normal and anomalous ones to ask about."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.errors import InputError

FOLDS = 5
CONTEXT_ROWS, QUERY_ROWS = 1500, 800
FEWEST_ROWS, FEWEST_QUERIES, MOST_COLUMNS = 128, 8, 200


@dataclass(frozen=True, slots=True)
class TaskSet:
    """One set; all float32, missing values NaN."""

    name: str
    train: np.ndarray  # [rows, F], normal rows
    normal: np.ndarray  # [rows, F], normal rows not in `train`
    anomalous: np.ndarray  # [rows, F]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that nobody has labelled; float32, missing values NaN."""

    name: str
    rows: np.ndarray  # [rows, F]


def is_development(name: str) -> bool:
    """Whether the set called so (without suffix) is kept for development and never trained on."""
    return zlib.crc32(name.encode()) % FOLDS == 0


def load_folder(folder: Path) -> list[TaskSet]:
    """Every usable set of `folder`, in the order of their names. Raises InputError: there is none, or one is broken.

    `NAME.npz` holds `train` [rows, F] (normal rows), `test` [rows, F] and `test_labels` [rows] (1: anomalous).
    `NAME.parquet` holds the feature columns and `label` (1: anomalous); its normal rows are split in two.
    Sets with fewer than 128 rows to draw from, fewer than 8 queries of a kind or more than 200 columns are left out.
    """
    found = [load_file(path) for path in _files(folder)]
    usable = [
        one
        for one in found
        if len(one.train) >= FEWEST_ROWS
        and min(len(one.normal), len(one.anomalous)) >= FEWEST_QUERIES
        and one.train.shape[1] <= MOST_COLUMNS
    ]
    if not usable:
        raise InputError(
            f"{folder} holds no usable set: {len(found)} .npz or .parquet files were read; one needs normal rows "
            f"in `train` (at least {FEWEST_ROWS}), and `test` with `test_labels`."
        )
    return usable


def describe(folder: Path) -> Iterator[str]:
    """Each file of `folder` with its digest, as a manifest lists its sources."""
    for path in _files(folder):
        yield f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def split(name: str, rows: np.ndarray, anomalous: np.ndarray) -> TaskSet:
    """Make a set of rows [N, F] and their labels [N]: two thirds of the normal ones are for contexts."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    rows = np.asarray(rows, np.float32)
    normal = rows[~anomalous][rng.permutation(int((~anomalous).sum()))]
    cut = len(normal) * 2 // 3
    return TaskSet(name, normal[:cut], normal[cut:], rows[anomalous])


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".npz", ".parquet"))


def load_file(path: Path) -> TaskSet:
    """The set in one file, whatever its size. Raises InputError."""
    try:
        return _load_parquet(path) if path.suffix == ".parquet" else _load_npz(path)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        expected = (
            "columns of numbers and `label`" if path.suffix == ".parquet" else "train, test and test_labels"
        )
        raise InputError(
            f"{path} can't be read as a set ({type(error).__name__}: {error}), expected {expected}"
        ) from error


def _load_npz(path: Path) -> TaskSet:
    if not zipfile.is_zipfile(path):  # else numpy would take it for a pickle, and advise to trust it
        raise zipfile.BadZipFile("not an archive of arrays")
    with np.load(path, allow_pickle=False) as archive:
        train, test, label = (archive[name] for name in ("train", "test", "test_labels"))
    rng = np.random.default_rng(0)
    anomalous = np.asarray(label).astype(bool)
    return TaskSet(
        path.stem,
        _some(train, CONTEXT_ROWS, rng),
        _some(test[~anomalous], QUERY_ROWS, rng),
        _some(test[anomalous], QUERY_ROWS, rng),
    )


def _load_parquet(path: Path) -> TaskSet:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    label = table.column("label").to_numpy().astype(bool)
    columns = [name for name in table.column_names if name != "label"]
    rows = np.stack([table.column(name).to_numpy().astype(np.float32) for name in columns], 1)
    whole, rng = split(path.stem, rows, label), np.random.default_rng(0)
    return TaskSet(
        whole.name,
        _some(whole.train, CONTEXT_ROWS, rng),
        _some(whole.normal, QUERY_ROWS, rng),
        _some(whole.anomalous, QUERY_ROWS, rng),
    )


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most `most` rows, in random order; infinite values are missing ones."""
    rows = np.asarray(rows)[rng.permutation(len(rows))[:most]].astype(np.float32)
    return np.where(np.isfinite(rows), rows, np.float32(np.nan))
