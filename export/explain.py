"""Are attributions true? Each beside the exact change of the score when the column is taken out of everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Inputs = Mapping[str, np.ndarray]
COLUMN_INPUTS = ("query", "window", "peers", "category", "direction")


@dataclass(frozen=True, slots=True)
class Explained:
    """Events with what the model says about them."""

    score: np.ndarray  # [B]
    attribution: np.ndarray  # [B, F]
    change: np.ndarray  # [B, F], how much the score falls without the column
    correlation: np.ndarray  # [B], Spearman's, of the two; NaN where one of them does not vary


def explain(
    score: Callable[[Inputs], np.ndarray], attribute: Callable[[Inputs], np.ndarray], inputs: Inputs
) -> Explained:
    """Compare the attribution of events with taking each column out of the query, window and peers."""
    whole, attribution = score(inputs), attribute(inputs)
    columns = attribution.shape[1]
    without = []
    for column in range(columns):
        rest = np.delete(np.arange(columns), column)
        cut = {name: np.ascontiguousarray(inputs[name][..., rest]) for name in COLUMN_INPUTS}
        without.append(score({**inputs, **cut}))
    change = whole[:, None] - np.stack(without, 1)
    pairs = zip(attribution, change, strict=True)
    return Explained(whole, attribution, change, np.array([_spearman(one, other) for one, other in pairs]))


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    ranks = [_ranks(values) for values in (one, other)]
    apart = [rank - rank.mean() for rank in ranks]
    length = np.sqrt((apart[0] ** 2).sum() * (apart[1] ** 2).sum())
    return float((apart[0] * apart[1]).sum() / length) if length > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, equal values sharing the average of theirs."""
    order = np.sort(values)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2
