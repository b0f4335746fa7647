"""Columns of values as counts in bins, and how far two such counts are apart.

A number's bins are the 40-quantiles of a reference, a category's the 9 commonest codes of it and all others; missing
values have one of their own. Population stability index: Siddiqi, "Credit Risk Scorecards", 2006, on 10 bins of them.
Kolmogorov-Smirnov distance of two samples: Smirnov, 1948, on the quantiles, so it may be up to 1/40 too small.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FINE, COARSE = 40, 10  # bins for the distance and for the index, without that of missing values
BINS = FINE + 1
_GROUP = FINE // COARSE


@dataclass(frozen=True, slots=True)
class Histogram:
    """One column of a reference: its bins, and how many values are in each.

    edges: float32 [FINE - 1], as in `Bins`; counts: uint16 [BINS]
    """

    edges: NDArray[np.float32]
    counts: NDArray[np.uint16]


class Bins:
    """The bins of C columns.

    edges: float32 [C, FINE - 1], upper ends of bins; of a category its commonest codes, else infinity
    category: bool [C]
    """

    def __init__(self, edges: NDArray[np.float32], category: NDArray[np.bool_]) -> None:
        self.edges, self.category = edges, category

    @classmethod
    def of(cls, values: NDArray[np.float32], category: NDArray[np.bool_]) -> "Bins":
        """The bins that a reference [N, C] gives."""
        edges = np.full((values.shape[1], FINE - 1), np.inf, np.float32)
        for column, theirs in enumerate(values.T):
            known = np.sort(theirs[~np.isnan(theirs)])
            if category[column]:
                codes, count = np.unique(known, return_counts=True)
                commonest = codes[np.argsort(-count, kind="stable")][: COARSE - 1]
                edges[column, : len(commonest)] = commonest
            elif len(known):
                edges[column] = known[len(known) * np.arange(1, FINE) // FINE]
        return cls(edges, category)

    def count(self, values: NDArray[np.float32]) -> NDArray[np.uint16]:
        """How many of fewer than 65,536 values [n, C] are in each bin: [C, BINS], missing ones in the last."""
        bins = (values[:, :, None] > self.edges).sum(2)
        if self.category.any():
            same = values[:, self.category][:, :, None] == self.edges[self.category, : COARSE - 1]
            bins[:, self.category] = np.where(same.any(2), same.argmax(2), COARSE - 1) * _GROUP
        bins[np.isnan(values)] = FINE
        columns = values.shape[1]
        counts = np.bincount((bins + BINS * np.arange(columns)).ravel(), minlength=BINS * columns)
        return counts.reshape(columns, BINS).astype(np.uint16)


def stability_index(seen: NDArray[np.uint16], expected: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Population stability index of counts [C, BINS], half an event added to each bin: [C], 0 where alike."""
    shares = []
    for counts in (seen, expected):
        coarse = counts[:, :FINE].reshape(-1, COARSE, _GROUP).sum(2)
        whole = np.concatenate([coarse, counts[:, FINE:]], axis=1) + 0.5
        shares.append(whole / whole.sum(1, keepdims=True))
    return np.asarray(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum(1))


def distance(seen: NDArray[np.uint16], expected: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Kolmogorov-Smirnov distance of the known numbers behind counts [C, BINS]: [C] from 0 to 1."""
    totals = [counts[:, :FINE].cumsum(1).astype(float) for counts in (seen, expected)]
    shares = [total / np.maximum(total[:, -1:], 1) for total in totals]
    return np.asarray(np.abs(shares[0] - shares[1]).max(1))
