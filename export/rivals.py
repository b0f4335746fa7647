"""What the model is compared with: well-known detectors, each given the very same context.

A rival is a function (rows [L, F], query [Q, F]) -> score [Q], higher is stranger. Rows are on z-scores; a missing
value is the column's mean.
"""

from collections.abc import Callable, Mapping

import numpy as np

Rival = Callable[[np.ndarray, np.ndarray], np.ndarray]
Supervised = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # rows, their labels, query
NEIGHBOURS = 5
TREES = 100
MEDIAN_OF_ABSOLUTE_NORMAL = 0.6745


def standardised(rows: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both on the rows' z-scores, without missing values; a column that never varies keeps its scale."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)  # squares of large float32 would overflow
    mean = np.nan_to_num(np.nanmean(rows, 0))
    scale = np.nanstd(rows, 0)
    scale = np.where(scale > 1e-9 * (np.abs(mean) + 1e-9), scale, 1.0)
    apart = [np.clip((np.where(np.isnan(x), mean, x) - mean) / scale, -1e6, 1e6) for x in (rows, query)]
    return apart[0], apart[1]


def knn(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Mean distance to the nearest rows of the z-scores."""
    rows, query = standardised(rows, query)
    return np.asarray(_nearest(_distances(query, rows)).mean(1))


def calibrated_knn(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The log of the same, in standard deviations of what the rows themselves have among the others."""
    rows, query = standardised(rows, query)
    own = _distances(rows, rows)
    np.fill_diagonal(own, np.inf)
    usual = np.log(_nearest(own).mean(1) + 1e-3)
    found = np.log(_nearest(_distances(query, rows)).mean(1) + 1e-3)
    return np.asarray((found - usual.mean()) / (usual.std() + 0.05))


def robust_z(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The largest deviation from a column's median, in median absolute deviations."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    middle = np.nan_to_num(np.nanmedian(rows, 0))
    spread = np.nan_to_num(np.nanmedian(np.abs(rows - middle), 0)) / MEDIAN_OF_ABSOLUTE_NORMAL
    spread = np.where(spread > 0, spread, np.maximum(np.nan_to_num(np.nanstd(rows, 0)), 1e-9))
    return np.asarray(np.nan_to_num(np.abs(query - middle) / spread).max(1))


def lof(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Local outlier factor (Breunig and others, SIGMOD 2000), for novelties."""
    from sklearn.neighbors import LocalOutlierFactor

    rows, query = standardised(rows, query)
    fitted = LocalOutlierFactor(min(20, len(rows) - 1), novelty=True).fit(rows)
    return np.asarray(-fitted.score_samples(query))


def isolation_forest(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Isolation forest (Liu and others, ICDM 2008)."""
    from sklearn.ensemble import IsolationForest

    rows, query = standardised(rows, query)
    return np.asarray(-IsolationForest(n_estimators=TREES, random_state=0).fit(rows).score_samples(query))


def ecod(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Empirical cumulative distributions (Li and others, TKDE 2022, https://arxiv.org/abs/2201.00382).

    Sums over the columns of minus the log of the left tail, of the right one, and of the one that the column's
    skewness points to; the largest of the three sums.
    """
    rows, query = standardised(rows, query)
    number = len(rows)
    order = np.sort(rows, 0)
    low, high = np.empty_like(query), np.empty_like(query)
    for column in range(rows.shape[1]):
        low[:, column] = np.searchsorted(order[:, column], query[:, column], "right")
        high[:, column] = number - np.searchsorted(order[:, column], query[:, column], "left")
    left, right = -np.log((low + 1) / (number + 1)), -np.log((high + 1) / (number + 1))
    skewed = np.where((rows**3).mean(0) < 0, left, right)
    return np.asarray(np.max([left.sum(1), right.sum(1), skewed.sum(1)], 0))


RIVALS: Mapping[str, Rival] = {
    "knn": knn,
    "calibrated_knn": calibrated_knn,
    "robust_z": robust_z,
    "lof": lof,
    "isolation_forest": isolation_forest,
    "ecod": ecod,
}


def coded(rows: np.ndarray, query: np.ndarray, category: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both [*, G]: the numbers on the rows' z-scores, and beside them 0 or 1 for each value that a category has there.

    `category` [F] is 1 for the categories; a missing value of one is a value.
    """
    parts = [standardised(rows[:, category == 0], query[:, category == 0])]
    for column in np.flatnonzero(category):
        own, asked = np.nan_to_num(rows[:, column], nan=-1), np.nan_to_num(query[:, column], nan=-1)
        values = np.unique(own)
        parts.append((1.0 * (own[:, None] == values), 1.0 * (asked[:, None] == values)))
    return np.concatenate([own for own, _ in parts], 1), np.concatenate([asked for _, asked in parts], 1)


def random_forest(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Supervised: `label` [L] is 1 for the anomalies among the rows."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(TREES, random_state=0, class_weight="balanced").fit(rows, label)
    return np.asarray(forest.predict_proba(query)[:, 1])


def logistic(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Supervised: logistic regression."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(class_weight="balanced", max_iter=500).fit(rows, label)
    return np.asarray(fitted.decision_function(query))


def distance_ratio(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Log distance to the nearest normal rows, less that to the nearest anomalies, on the normal rows' z-scores."""
    normal = rows[label == 0]
    anomalous = standardised(normal, rows[label == 1])[1]
    normal, query = standardised(normal, query)
    far = _nearest(_distances(query, normal)).mean(1)
    return np.asarray(np.log(far + 1e-3) - np.log(_nearest(_distances(query, anomalous), 1).mean(1) + 1e-3))


def nearest_labelled(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Minus the distance to the nearest anomaly among the rows."""
    return np.asarray(-_nearest(_distances(query, rows[label == 1]), 1).mean(1))


def _of_numbers(rival: Supervised) -> Supervised:
    """`rival` on z-scores."""

    def standard(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
        rows, query = standardised(rows, query)
        return rival(rows, label, query)

    return standard


SUPERVISED: Mapping[str, Supervised] = {
    "forest": _of_numbers(random_forest),
    "logistic": _of_numbers(logistic),
    "ratio": distance_ratio,
}
CODED_SUPERVISED: Mapping[str, Supervised] = {
    "logistic": logistic,
    "forest": random_forest,
    "nearest": nearest_labelled,
}


def _distances(query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    square = (query**2).sum(1)[:, None] + (rows**2).sum(1) - 2 * query @ rows.T
    return np.asarray(np.sqrt(np.maximum(square, 0) / rows.shape[1]))


def _nearest(distance: np.ndarray, number: int = NEIGHBOURS) -> np.ndarray:
    return np.sort(distance, 1)[:, :number]
