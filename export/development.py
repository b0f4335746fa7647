"""How far a model is ahead of nearest neighbours on sets that nobody trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.evaluate import Scores, compare, difference, session_model
from export.meta.build import build
from export.meta.parameters import Parameters
from export.tasks.sets import TaskSet

Figures = dict[str, dict[str, float]]
ROWS = (64, 128)  # of the contexts; the first is what is looked at during training
NEIGHBOURS = "knn"


@dataclass(frozen=True, slots=True)
class Ahead:
    """Mean differences to nearest neighbours; not a number where there are no sets."""

    auroc: float
    ap10: float  # average precision at 10 % anomalies


NOWHERE = Ahead(np.nan, np.nan)


class Development:
    """Measures parameters and models on `sets`, with nearest neighbours measured once."""

    def __init__(self, sets: Sequence[TaskSet]) -> None:
        self._sets = sets
        self._known: dict[int, Scores] = {}

    def ahead(self, parameters: Parameters) -> Ahead:
        """With contexts of the first of ROWS."""
        return self._ahead(build(parameters).SerializeToString(), ROWS[0])[2] if self._sets else NOWHERE

    def figures(self, model: bytes) -> Figures:
        """What a manifest says about a model file: means over the sets, rounded."""
        return {f"development sets, {rows} rows": self._figures(model, rows) for rows in ROWS if self._sets}

    def _figures(self, model: bytes, rows: int) -> dict[str, float]:
        ours, knn, ahead = self._ahead(model, rows)
        figures = {
            "auroc": ours.auroc.mean(),
            "ap10": ours.ap10.mean(),
            "knn_auroc": knn.auroc.mean(),
            "knn_ap10": knn.ap10.mean(),
            "d_auroc": ahead.auroc,
            "d_ap10": ahead.ap10,
            "d_auroc_se": difference(ours.auroc, knn.auroc)["se"],
        }
        return {"sets": len(self._sets), **{name: round(float(value), 4) for name, value in figures.items()}}

    def _ahead(self, model: bytes, rows: int) -> tuple[Scores, Scores, Ahead]:
        rivals = [] if rows in self._known else [NEIGHBOURS]
        found = compare(session_model(model), self._sets, rows, rivals, lambda _: None)
        if rivals:
            self._known[rows] = found[NEIGHBOURS]
        ours, knn = found["onsight"], self._known[rows]
        auroc, ap10 = (ours.auroc - knn.auroc).mean(), (ours.ap10 - knn.ap10).mean()
        return ours, knn, Ahead(float(auroc), float(ap10))
