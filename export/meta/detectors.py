"""Detectors of strangeness, each rising with the distance, most of them measured against the context's own rows.

Minus the log of a kernel's mean over the rows is a detector, less what is usual for a row of the context itself.
Beside these stand the distances to the nearest rows, the share of features whose very value the rows have, and maxima
and means of single features. Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.cells import NEW, POOLED_CELLS, ROBUST, SINGLE, single_features
from export.meta.columns import Columns
from export.meta.ops import Array, Ops
from export.meta.prepared import Prepared
from export.meta.query import Query
from export.meta.rarity import rarity
from export.meta.space import RUNGS, UNSEEN, distances, kernels

NEAREST = 5
ABSENT = 1e6
FARTHEST_ROW = 1e5
SINGLES = 1 + RUNGS + 2  # where those of single features begin
DETECTORS = SINGLES + 4 * SINGLE + 2 * POOLED_CELLS  # K
DEVIATION = SINGLES + 3 * SINGLE + ROBUST  # which of them is the largest robust deviation of a feature
# Which of them are 0 where there are no categories: both means of how new their values are, and the largest.
NOVELTY = tuple(SINGLES + pooled * SINGLE + NEW for pooled in (0, 2, 3))


@dataclass(frozen=True, slots=True)
class Detected:
    """What the detectors say about queries."""

    values: Array  # [N, Q, K]
    nearness: tuple[Array, ...]  # RUNGS times [N, Q, M], the kernels at each row
    point: Array  # [N, Q, F], the queries in the weighted space, 0 where missing


def detect(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> Detected:
    """Run every detector on the queries."""
    reference = prepared.reference
    point, distance = distances(ops, prepared.space, query)
    nearness = kernels(ops, distance)
    count = ops.unsqueeze(reference.count, 1)
    rows = ops.unsqueeze(prepared.trust, 2)
    usual = ops.unsqueeze(prepared.usual, 1)
    mean = ops.concat([kernel @ rows for kernel in nearness], 2)
    apart = rarity(ops, mean, count, UNSEEN) - usual
    far = ops.concat(_nearest(ops, distance, prepared), 2) - usual * 0.3
    standard = ops.part(apart, 2, 0, 1) / ops.unsqueeze(prepared.spread + 0.1, 1)
    plain, pooled = single_features(ops, prepared, query, columns)
    values = ops.concat([standard, apart * 0.3, far, plain], 2)
    values = ops.concat([values / ops.sqrt(ops.abs(values) * 0.25 + 1.0), pooled], 2)
    return Detected(values, tuple(nearness), point)


def _nearest(ops: Ops, distance: Array, prepared: Prepared) -> list[Array]:
    """Logs of the distance to the nearest row and of the mean distance to the NEAREST ones; each [N, Q, 1].

    A row that is itself far from the others is so much farther.
    """
    reference = prepared.reference
    farther = prepared.doubt * ops.exp(ops.parameter("farther"))
    absent = ops.unsqueeze((1.0 - reference.keep) * ABSENT + farther, 1)
    square = ops.smallest(ops.minimum(distance, FARTHEST_ROW) + absent, NEAREST)
    near = ops.less(square, ABSENT) * ops.sqrt(square + 1e-6)
    mean = ops.total(near) / ops.minimum(reference.count, float(NEAREST))
    first = ops.sqrt(ops.minimum(ops.lowest(square, 2), FARTHEST_ROW) + 1e-6)
    return [ops.unsqueeze(ops.log(far + 0.01), 2) for far in (first, mean)]
