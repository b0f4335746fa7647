"""Detectors of single features: how far each value deviates in CELLS ways, pooled over the features.

Some are pooled as they are, the others by a small network whose weights are non-negative. Shapes as in `export.meta`.
"""

import numpy as np

from export.meta.columns import Columns
from export.meta.grain import GAPS
from export.meta.ops import Array, Ops, stacked_queries
from export.meta.prepared import Prepared
from export.meta.query import Query

CELLS = 11 + GAPS
POOLED_CELLS = 2
SINGLE = 9 + GAPS
ABOVE, BELOW, HIGH, LOW, FAR, FEW_ABOVE, FEW_BELOW, DISTINCT, NOVEL = range(9)
OF_GAPS = range(CELLS - GAPS, CELLS)
# Single features' detectors, each a sum of cells: either side, and the upper one alone.
PLAIN = np.eye(CELLS)[:, [FEW_ABOVE, FEW_ABOVE, ABOVE, ABOVE, HIGH, HIGH, DISTINCT, NOVEL, FAR, *OF_GAPS]]
ROBUST = 4  # which of them is the distance from the robust centre, to either side
NEW = 7  # which of them is how new a category's value is
PLAIN[[FEW_BELOW, BELOW, LOW], [0, 2, ROBUST]] = 1


def single_features(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> tuple[Array, Array]:
    """The plain ones [N, Q, 4 SINGLE], and the network's [N, Q, 2 POOLED_CELLS]."""
    each = _cells(ops, prepared, query, columns)
    single = each @ ops.constant(PLAIN)
    hidden = _network(ops, prepared, query, each)
    share = query.present * ops.unsqueeze(prepared.share, 1)
    even = share * 0.0 + ops.unsqueeze(ops.reciprocal(columns.count), 1)
    shares = ops.concat([share / ops.unsqueeze(ops.total(share) + 1e-6, 2), even], 2)
    pooled = ops.folded(shares, 2) @ ops.concat([single, hidden, single * single], 3)
    mean, average = (ops.squeeze(ops.part(pooled, 2, row, row + 1), 2) for row in (0, 1))
    power = ops.sqrt(ops.part(mean, 2, SINGLE + POOLED_CELLS, 2 * SINGLE + POOLED_CELLS) + 1e-6)
    plain = [ops.part(mean, 2, 0, SINGLE), power, ops.part(average, 2, 0, SINGLE), ops.highest(single, 2)]
    both = [ops.part(average, 2, SINGLE, SINGLE + POOLED_CELLS), ops.highest(hidden, 2)]
    return ops.concat(plain, 2), ops.concat(both, 2)


def _cells(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> Array:
    """[N, Q, F, CELLS]: how far each value deviates, in each way."""
    reference, number = prepared.reference, ops.unsqueeze(columns.number, 1) * query.present
    distinct = query.rarity * number * 0.4
    novel = ops.relu(query.rarity - ops.unsqueeze(reference.usual_rarity, 1)) * (query.present - number)
    high, low = (ops.relu(side) * query.present for side in (query.squashed, 0.0 - query.squashed))
    cells = stacked_queries(ops, [query.few_above, query.few_below, distinct, novel, high, low])
    return ops.transpose(ops.concat([query.beyond, cells, query.gaps], 2), (0, 1, 3, 2))


def _network(ops: Ops, prepared: Prepared, query: Query, each: Array) -> Array:
    """[N, Q, F, POOLED_CELLS]: what the small network makes of each value's cells [N, Q, F, CELLS]."""
    bias = ops.transpose(prepared.hidden, (0, 2, 1)) @ ops.parameter("cell1_hidden") + ops.parameter(
        "cell1_bias"
    )
    hidden = ops.relu(each @ ops.positive("cell1") + ops.unsqueeze(bias, 1))
    hidden = ops.relu(hidden @ ops.positive("cell2") + ops.parameter("cell2_bias"))
    return hidden * ops.unsqueeze(query.present, 3)
