"""Tasks from rows without labels: one column says which rows are anomalous, and is left out.

So these are strange for a reason that the other columns only tell in part, as real anomalies are.
"""

import numpy as np

from export.tasks.sets import TaskSet

FEW_VALUES = 12
FEWEST_NORMAL, FEWEST_ANOMALOUS = 100, 20
LARGEST_SHARE = 0.5  # of the rows, as anomalies


def slice_rows(name: str, rows: np.ndarray, rng: np.random.Generator) -> TaskSet | None:
    """Split rows [rows, F] by a random column into a set with F - 1 columns; None where no column would do."""
    rows = rows[rng.permutation(len(rows))]
    for column in rng.permutation(rows.shape[1]) if rows.shape[1] > 1 else ():
        anomalous = _slice(np.nan_to_num(rows[:, column]), rng)
        if anomalous.sum() >= FEWEST_ANOMALOUS and (~anomalous).sum() >= FEWEST_NORMAL:
            others = np.delete(rows, column, axis=1)
            normal = others[~anomalous]
            cut = len(normal) * 2 // 3
            return TaskSet(name, normal[:cut], normal[cut:], others[anomalous])
    return None


def _slice(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[rows] which of the values [rows] make a row anomalous: one of a few, or those beyond a quantile."""
    distinct = np.unique(values)
    if len(distinct) > FEW_VALUES:
        share = rng.uniform(0.1, LARGEST_SHARE)
        if rng.random() < 0.5:
            return np.asarray(values < np.quantile(values, share))
        return np.asarray(values > np.quantile(values, 1 - share))
    chosen = values == rng.choice(distinct)
    return np.asarray(~chosen if chosen.mean() > LARGEST_SHARE else chosen)
