"""Detectors of strangeness, each rising with the distance, most of them measured against the context's own rows.

A small network gives each feature weights from its statistics: in a space where a feature's place is a mix of its
squashed and its rank value, for equality, and where single features' deviations are averaged. In the space,
exp(-D), D the squared distance, and its 4th and 16th powers are kernels of three widths; minus the log of their mean
over the rows is a detector, and what a row of the context gets from the others with the widest tells what is usual.
Rows that are themselves far from the others get less say, for they may be anomalies that nobody has noticed. Beside
them stand the distances to the nearest rows, the share of features whose very value the rows have, and maxima and
means of single features.

Shapes as in `features`; T statistics of a feature, K detectors, S statistics of a context.
"""

from dataclasses import dataclass

import numpy as np

from export.meta.features import Columns, Query, Reference
from export.meta.ops import Array, Ops, stacked, stacked_queries, weighted

RUNGS = 3
FLOOR = 0.05
SCALE = 4.0  # of the squashed features in the space
NEAREST = 5
ABSENT = 1e6
FARTHEST_ROW = 1e5
STATISTICS = 13
CELLS = 11
POOLED_CELLS = 2
SINGLE = 9
DETECTORS = 1 + RUNGS + 2 + 4 * SINGLE + 2 * POOLED_CELLS
CONTEXT = 2 * STATISTICS + 2
ABOVE, BELOW, HIGH, LOW, FAR, FEW_ABOVE, FEW_BELOW, DISTINCT, NOVEL = range(9)
# Single features' detectors, each a sum of cells: either side, and the upper one alone.
PLAIN = np.eye(CELLS)[:, [FEW_ABOVE, FEW_ABOVE, ABOVE, ABOVE, HIGH, HIGH, DISTINCT, NOVEL, FAR]]
PLAIN[[FEW_BELOW, BELOW, LOW], [0, 2, 4]] = 1
WEIGHTS = 3  # of the squashed and of the rank features, and for averages


@dataclass(frozen=True, slots=True)
class Space:
    """The weighted feature space of a reference."""

    weight: Array  # [N, 2, F], of the squashed features and of the ranks in each feature's place
    rows: Array  # [N, F, M]
    squares: Array  # [N, F, M]
    norm: Array  # [N, M], squared distance of the rows from the origin


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of a reference that does not depend on the queries."""

    reference: Reference
    statistics: Array  # [N, T, F]
    hidden: Array  # [N, H, F], what the small network makes of them
    space: Space
    share: Array  # [N, F], each feature's weight where single features are averaged; sums to 1
    trust: Array  # [N, M], the rows' say where kernels are averaged; sums to 1
    doubt: Array  # [N, M], how far each row is from the others, 0 for the usual ones
    usual: Array  # [N, 1], mean of the widest kernel's detector over the rows
    spread: Array  # [N, 1], its standard deviation
    context: Array  # [N, S]


@dataclass(frozen=True, slots=True)
class Detected:
    """What the detectors say about queries."""

    values: Array  # [N, Q, K]
    nearness: tuple[Array, ...]  # RUNGS times [N, Q, M], the kernels at each row
    point: Array  # [N, Q, F], the queries in the weighted space, 0 where missing


def prepare(ops: Ops, reference: Reference, columns: Columns) -> Prepared:
    """Weigh the features and calibrate the kernel detectors on the rows themselves."""
    statistics = _statistics(ops, reference, columns)
    hidden = _hidden(ops, statistics, reference, columns)
    raw = ops.parameter("feature2") @ hidden + ops.parameter("feature2_bias")
    weights = ops.exp(ops.clip(raw, -8.0, 4.0)) * ops.unsqueeze(columns.used, 1)
    space = _space(ops, ops.part(weights, 1, 0, 2), reference)
    share = ops.squeeze(ops.part(weights, 1, 2, 3), 1)
    left_out = _left_out(ops, space, reference)
    usual, spread = _spread(ops, left_out, reference.share)
    doubt, trust = _trust(ops, left_out, usual, spread, reference)
    usual, spread = _spread(ops, left_out, trust)
    lifted = statistics - ops.unsqueeze((1.0 - columns.used) * 10.0, 1)
    average = ops.total(statistics) / columns.count
    parts = [average, ops.highest(lifted, 2), usual * 0.3, ops.log(spread)]
    return Prepared(
        reference=reference,
        statistics=statistics,
        hidden=hidden,
        space=space,
        share=share / ops.unsqueeze(ops.total(share) + 1e-6, 1),
        trust=trust,
        doubt=doubt,
        usual=usual,
        spread=spread,
        context=ops.concat(parts, 1),
    )


def detect(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> Detected:
    """Run every detector on the queries."""
    reference = prepared.reference
    point, distance = _distances(ops, prepared.space, query)
    nearness = _kernels(ops, distance)
    count = ops.unsqueeze(reference.count, 1)
    rows = ops.unsqueeze(prepared.trust, 2)
    usual = ops.unsqueeze(prepared.usual, 1)
    apart = _rarity(ops, ops.concat([kernel @ rows for kernel in nearness], 2), count) - usual
    far = ops.concat(_nearest(ops, distance, prepared), 2) - usual * 0.3
    standard = ops.part(apart, 2, 0, 1) / ops.unsqueeze(prepared.spread + 0.1, 1)
    plain, pooled = _cells(ops, prepared, query, columns)
    values = ops.concat([standard, apart * 0.3, far, plain], 2)
    values = ops.concat([values / ops.sqrt(ops.abs(values) * 0.25 + 1.0), pooled], 2)
    return Detected(values, tuple(nearness), point)


def _statistics(ops: Ops, reference: Reference, columns: Columns) -> Array:
    """What each feature is like [N, T, F]."""
    z, share, knots = reference.squashed, reference.share, reference.knots
    second, middle = weighted(ops, z * z, share), weighted(ops, z, share)
    alike = ops.total(knots * knots)
    one = reference.missing * 0.0 + 1.0
    top, bottom = ops.log(reference.top + 1.0), ops.log(1.0 - reference.bottom)
    parts = [
        reference.constant,
        one - columns.number,
        ops.log(reference.spread),
        middle * 3.0,
        ops.sqrt(ops.relu(second - middle * middle) + 1e-4) * 3.0,
        alike * 2.0,
        ops.log(alike + 0.03),
        ops.highest(knots, 2),
        top * 0.5,
        bottom * 0.5,
        one * (ops.log(reference.count) * 0.2),
        one * (ops.log(columns.count) * 0.3),
        reference.missing + columns.two_sided,
    ]
    return stacked(ops, [part * columns.used for part in parts])


def _hidden(ops: Ops, statistics: Array, reference: Reference, columns: Columns) -> Array:
    """[N, H, F]: each feature's statistics and bins, seen beside the average of all features."""
    average = ops.total(statistics) / columns.count
    bins = ops.transpose(ops.sqrt(reference.knots + 1e-4), (0, 2, 1)) * ops.unsqueeze(columns.used, 1)
    seen = ops.parameter("feature1") @ ops.concat([statistics, bins], 1)
    beside = average @ ops.parameter("feature1_all") + ops.parameter("feature1_bias")
    return ops.tanh(seen + ops.unsqueeze(beside, 2))


def _space(ops: Ops, pair: Array, reference: Reference) -> Space:
    """`pair` is [N, 2, F], the raw weights."""
    total = ops.unsqueeze(ops.unsqueeze(ops.total(ops.sum(pair, 1)) + 1e-6, 1), 2)
    weight = ops.sqrt(pair / total * ops.exp(ops.parameter("bandwidth")) + 1e-9)
    squashed, rank = (ops.transpose(ops.part(weight, 1, place, place + 1), (0, 2, 1)) for place in (0, 1))
    rows = reference.squashed * squashed * SCALE + reference.rank * rank
    squares = rows * rows
    return Space(weight, rows, squares, ops.sum(squares, 1))


def _spread(ops: Ops, values: Array, share: Array) -> tuple[Array, Array]:
    """Mean and standard deviation [N, 1] of values [N, M] of the rows."""
    mean = ops.unsqueeze(ops.total(values * share), 1)
    apart = values - mean
    return mean, ops.sqrt(ops.unsqueeze(ops.total(apart * apart * share), 1) + 1e-4)


def _trust(
    ops: Ops, left_out: Array, usual: Array, spread: Array, reference: Reference
) -> tuple[Array, Array]:
    """How far each row is from the others [N, M], beyond what is usual, and the say that it keeps."""
    doubt = ops.relu(left_out - usual) * reference.keep
    first = ops.concat([usual, ops.log(spread)], 1)
    strict = ops.exp(ops.clip(first @ ops.parameter("doubt") + ops.parameter("doubt_bias"), -4.0, 2.0))
    say = reference.share * ops.exp(doubt * strict * -1.0)
    return doubt, say / ops.unsqueeze(ops.total(say) + 1e-9, 1)


def _left_out(ops: Ops, space: Space, reference: Reference) -> Array:
    """The widest kernel's detector [N, M] of each row against the others."""
    norm = ops.unsqueeze(space.norm, 1)
    one = norm * 0.0 + 1.0
    left = ops.transpose(ops.concat([space.rows * 2.0, norm * -1.0, one], 1), (0, 2, 1))
    kernel = ops.exp(left @ ops.concat([space.rows, one, norm * -1.0], 1))
    alone = ops.reciprocal(reference.count)
    return _rarity(ops, ops.relu(weighted(ops, kernel, reference.share) - alone), reference.count)


def _distances(ops: Ops, space: Space, query: Query) -> tuple[Array, Array]:
    """The queries in the weighted space, and their squared distances over what is present from each row [N, Q, M]."""
    parts = [ops.part(space.weight, 1, place, place + 1) for place in (0, 1)]
    point = (query.squashed * SCALE * parts[0] + query.rank * parts[1]) * query.present
    squared = ops.sum(space.weight * space.weight, 1)
    known = query.present @ ops.unsqueeze(squared, 2) + 1e-6
    stretch = ops.unsqueeze(ops.unsqueeze(ops.total(squared), 1), 2) / known
    norm = ops.unsqueeze(ops.total(point * point), 2)
    left = ops.concat([point * -2.0, query.present, norm], 2) * stretch
    one = ops.unsqueeze(space.norm, 1) * 0.0 + 1.0
    return point, ops.relu(left @ ops.concat([space.rows, space.squares, one], 1))


def _kernels(ops: Ops, distance: Array) -> list[Array]:
    """RUNGS widths, each power a quarter of the one before in squared width."""
    kernels = [ops.exp(distance * -1.0)]
    for _ in range(RUNGS - 1):
        twice = kernels[-1] * kernels[-1]
        kernels.append(twice * twice)
    return kernels


def _rarity(ops: Ops, mean: Array, count: Array) -> Array:
    return 0.0 - ops.log(mean + ops.reciprocal(count) * FLOOR)


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


def _cells(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> tuple[Array, Array]:
    """Detectors of single features: plain ones [N, Q, 4 SINGLE], and the network's [N, Q, 2 POOLED_CELLS]."""
    reference, number = prepared.reference, ops.unsqueeze(columns.number, 1) * query.present
    distinct = query.rarity * number * 0.4
    novel = ops.relu(query.rarity - ops.unsqueeze(reference.usual_rarity, 1)) * (query.present - number)
    high, low = (ops.relu(side) * query.present for side in (query.squashed, 0.0 - query.squashed))
    cells = stacked_queries(ops, [query.few_above, query.few_below, distinct, novel, high, low])
    each = ops.transpose(ops.concat([query.beyond, cells], 2), (0, 1, 3, 2))
    single = each @ ops.constant(PLAIN)
    bias = ops.transpose(prepared.hidden, (0, 2, 1)) @ ops.parameter("cell1_hidden") + ops.parameter(
        "cell1_bias"
    )
    hidden = ops.relu(each @ ops.positive("cell1") + ops.unsqueeze(bias, 1))
    hidden = ops.relu(hidden @ ops.positive("cell2") + ops.parameter("cell2_bias"))
    hidden = hidden * ops.unsqueeze(query.present, 3)
    share = query.present * ops.unsqueeze(prepared.share, 1)
    even = share * 0.0 + ops.unsqueeze(ops.reciprocal(columns.count), 1)
    shares = ops.concat([share / ops.unsqueeze(ops.total(share) + 1e-6, 2), even], 2)
    pooled = ops.folded(shares, 2) @ ops.concat([single, hidden, single * single], 3)
    mean, average = (ops.squeeze(ops.part(pooled, 2, row, row + 1), 2) for row in (0, 1))
    power = ops.sqrt(ops.part(mean, 2, SINGLE + POOLED_CELLS, 2 * SINGLE + POOLED_CELLS) + 1e-6)
    plain = [ops.part(mean, 2, 0, SINGLE), power, ops.part(average, 2, 0, SINGLE), ops.highest(single, 2)]
    both = [ops.part(average, 2, SINGLE, SINGLE + POOLED_CELLS), ops.highest(hidden, 2)]
    return ops.concat(plain, 2), ops.concat(both, 2)
