"""What is trained: names, shapes and first values."""

from dataclasses import dataclass

import numpy as np

from export.meta.cells import CELLS, POOLED_CELLS
from export.meta.detectors import DETECTORS
from export.meta.histogram import BINS
from export.meta.labels import EVIDENCE
from export.meta.prepared import CONTEXT, WEIGHTS
from export.meta.ridge import CLASSIFIERS, FORMS, RIDGES, SHARPER
from export.meta.space import RUNGS
from export.meta.statistics import STATISTICS

Parameters = dict[str, np.ndarray]
# Not learned, and 0 while the zero-shot part trains, which would make up for it: the log of how much less a window
# counts that lacks all that the peers have; the say of the largest robust deviation in the score where one column only
# is known (half as much where two are).
SETTLED = {"lacking": 5.0, "lone": 3 / 4}
FIXED = ("context_mean", "context_spread", *SETTLED)
LABEL_PREFIXES = ("label", "acquittal")


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of the small networks."""

    feature: int
    cell: int
    context: int
    mixture: int


SIZES = {
    "small": Size(feature=16, cell=8, context=16, mixture=16),
    "base": Size(feature=24, cell=16, context=24, mixture=32),
}


def initial(size: Size, seed: int) -> Parameters:
    """First values, drawn from `seed`: matrices by the width of their input, biases 0."""
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int, gain: float = 1.0) -> np.ndarray:
        return np.asarray(rng.standard_normal((rows, columns)) * gain / np.sqrt(rows))

    values = {
        "bandwidth": np.zeros(1),
        "feature1": draw(STATISTICS + BINS + 1, size.feature).T,
        "feature1_bias": np.zeros(size.feature),
        "feature1_all": draw(STATISTICS, size.feature, 0.3),
        "feature2": draw(size.feature, WEIGHTS, 0.1).T,
        "feature2_bias": np.zeros((WEIGHTS, 1)),
        "doubt": np.zeros((2, 1)),
        "doubt_bias": np.full(1, -1.0),
        "farther": np.full(1, -2.0),
        "cell1": draw(CELLS, size.cell),
        "cell1_hidden": draw(size.feature, size.cell),
        "cell1_bias": np.zeros(size.cell),
        "cell2": draw(size.cell, POOLED_CELLS),
        "cell2_bias": np.zeros(POOLED_CELLS),
        "context_mean": np.zeros(CONTEXT),
        "context_spread": np.ones(CONTEXT),
        "context1": draw(CONTEXT, size.context, 0.5),
        "context1_bias": np.zeros(size.context),
        "choose": draw(size.context, DETECTORS, 0.3),
        "choose_bias": np.zeros(DETECTORS),
        "mixture1": draw(DETECTORS, size.mixture),
        "mixture_context": draw(size.context, size.mixture),
        "mixture_bias": np.zeros(size.mixture),
        "level": np.zeros((size.context, 1)),
        "mixture2": draw(size.mixture, 1, 0.3),
        "joint1": np.array([[0.5, 0.2, 0.1, 0.3], [0.5, 0.1, 0.2, 0.3]]),
        "joint1_bias": np.array([-1.0, 0.0, 0.0, -2.0]),
        "joint2": np.full((4, 1), 0.05),
        "gate_window": draw(CONTEXT, size.context, 0.2),
        "gate_peers": draw(CONTEXT, size.context, 0.2),
        "gate_shift": draw(1, size.context),
        "gate_ratio": draw(1, size.context),
        "gate1_bias": np.zeros(size.context),
        "gate2": draw(size.context, 1, 0.1),
        "gate2_bias": np.zeros(1),
        **{name: np.full(1, value) for name, value in SETTLED.items()},
        **_of_labels(),
    }
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def settled(parameters: Parameters, share: float) -> Parameters:
    """`parameters` with this share of what is settled: 0 while the zero-shot part trains, then 1."""
    return parameters | {name: np.full(1, value * share, np.float32) for name, value in SETTLED.items()}


def _of_labels() -> Parameters:
    """First values of what says how far verdicts are trusted: those of LABEL_PREFIXES."""
    return {
        "label_plain": np.concatenate([np.full(CLASSIFIERS, 0.3), np.full(EVIDENCE - CLASSIFIERS, 0.02)]),
        "label_plain_size": np.outer([0.18, 0.0], np.arange(EVIDENCE) < CLASSIFIERS),
        "label_trust": np.zeros(1),
        "label_steep": np.full(1, np.log(1.0)),
        "label_steep_rank": np.full(1, np.log(0.5)),
        "label_ridge": np.log(FORMS * RIDGES),
        "label_ridge_size": np.outer([-SHARPER, 0.0], np.ones(CLASSIFIERS)),
        "acquittal": np.full((RUNGS, 1), 0.1),
    }
