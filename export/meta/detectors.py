"""Detectors of strangeness, each rising with the distance and each measured against the context's own rows.

Rows and queries are points in the squashed and the rank features together, each feature with a weight that a
small network gives it from its statistics. 1 / (1 + D), D the squared distance, and its 4th power are kernels of
two widths; minus the log of their mean over the rows is a detector, and so is the distance from the centre. So
are means and maxima of the single features' deviations. What a row of the context gets, from the others, tells
what is usual.

Shapes as in `features`; T statistics of a feature, K detectors, S statistics of a context.
"""

from dataclasses import dataclass

from export.meta.features import Columns, Query, Reference
from export.meta.ops import Array, Ops, stacked, stacked_queries, weighted

RUNGS = 2
FLOOR = 0.05
STATISTICS = 13
CELLS = 7
POOLED_CELLS = 2
CALIBRATED = RUNGS + 5
DETECTORS = 2 * CALIBRATED + 6 + 2 * POOLED_CELLS
CONTEXT = 2 * STATISTICS + 2 * CALIBRATED + 1


@dataclass(frozen=True, slots=True)
class Space:
    """The weighted feature space of a reference: the squashed features, then the ranks."""

    weight: Array  # [N, 2F]
    rows: Array  # [N, 2F, M]
    squares: Array  # [N, 2F, M]
    norm: Array  # [N, M], squared distance of the rows from the centre


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of a reference that does not depend on the queries."""

    reference: Reference
    statistics: Array  # [N, F, T]
    space: Space
    share: Array  # [N, F], each feature's weight where single features are averaged; sums to 1
    usual: Array  # [N, CALIBRATED], mean of the detectors over the rows
    spread: Array  # [N, CALIBRATED], their standard deviation
    context: Array  # [N, S]


@dataclass(frozen=True, slots=True)
class Detected:
    """What the detectors say about queries."""

    values: Array  # [N, Q, K]
    nearness: tuple[Array, ...]  # RUNGS times [N, Q, M], the kernels at each row
    point: Array  # [N, Q, 2F], the queries in the weighted space, 0 where missing


def prepare(ops: Ops, reference: Reference, columns: Columns) -> Prepared:
    """Weigh the features and calibrate the detectors on the rows themselves."""
    statistics = _statistics(ops, reference, columns)
    space, share = _space(ops, statistics, reference, columns)
    parts = [*_left_out(ops, space, reference), ops.log(ops.sqrt(space.norm + 1e-6) + 0.1)]
    for feature in (reference.squashed, reference.rank):
        single = ops.maximum(feature, feature * ops.unsqueeze(0.0 - columns.two_sided, 2))
        parts += [ops.squeeze(ops.unsqueeze(share, 1) @ single, 1), ops.highest(single, 1)]
    detected = ops.concat([ops.unsqueeze(part, 1) for part in parts], 1)
    usual = weighted(ops, detected, reference.share)
    apart = detected - ops.unsqueeze(usual, 2)
    spread = ops.sqrt(weighted(ops, apart * apart, reference.share) + 1e-4)
    lifted = statistics - ops.unsqueeze((1.0 - columns.used) * 10.0, 2)
    highest = ops.highest(lifted, 1)
    average = ops.sum(statistics, 1) / columns.count
    size = ops.log(reference.count) * 0.2
    context = ops.concat([average, highest, usual, ops.log(spread), size], 1)
    return Prepared(reference, statistics, space, share, usual, spread, context)


def detect(ops: Ops, prepared: Prepared, query: Query, columns: Columns) -> Detected:
    """Run every detector on the queries."""
    reference, side = prepared.reference, ops.unsqueeze(0.0 - columns.two_sided, 1)
    point, norm, distance = _distances(ops, prepared.space, query)
    nearness = _kernels(ops, distance)
    count = ops.unsqueeze(reference.count, 1)
    rows = ops.unsqueeze(reference.share, 2)
    calibrated = [_rarity(ops, kernel @ rows, count) for kernel in nearness]
    calibrated.append(ops.log(ops.sqrt(norm + 1e-6) + 0.1))
    squashed = ops.maximum(query.squashed, query.squashed * side) * query.present
    rank = ops.maximum(query.rank, query.rank * side) * query.present
    features = ops.unsqueeze(prepared.share, 2)
    weight = query.present @ features + 1e-6
    for single in (squashed, rank):
        calibrated += [single @ features / weight, ops.unsqueeze(ops.highest(single, 2), 2)]
    apart = ops.concat(calibrated, 2) - ops.unsqueeze(prepared.usual, 1)
    plain, pooled = _cells(ops, prepared, query, columns, squashed, rank)
    values = ops.concat([apart / ops.unsqueeze(prepared.spread + 0.1, 1), apart * 0.3, plain], 2)
    values = ops.concat([values / ops.sqrt(ops.abs(values) * 0.25 + 1.0), pooled], 2)
    return Detected(values, tuple(nearness), point)


def _statistics(ops: Ops, reference: Reference, columns: Columns) -> Array:
    """What each feature is like [N, F, T]."""
    z, share, knots = reference.squashed, reference.share, reference.knots
    square = z * z
    second, fourth = weighted(ops, square, share), weighted(ops, square * square, share)
    product = z * ops.unsqueeze(share, 1) @ ops.transpose(z, (0, 2, 1))
    norm = ops.reciprocal(ops.sqrt(second + 1e-4))
    related = ops.squeeze(ops.unsqueeze(norm, 1) @ ops.abs(product), 1) * norm
    one = reference.missing * 0.0 + 1.0
    parts = [
        reference.constant,
        one * (columns.used - columns.number),
        ops.log(second + 0.02) * 0.5,
        ops.log((fourth + 1e-3) / (second * second + 1e-2)) * 0.5,
        weighted(ops, z, share),
        ops.log(ops.sum(reference.steps * reference.steps, 2) + 0.03),
        ops.highest(knots, 2),
        reference.top * 0.5,
        reference.bottom * 0.5,
        one * (ops.log(reference.count) * 0.2),
        one * (ops.log(columns.count) * 0.3),
        (related - second * norm * norm) / columns.count * 3.0,
        reference.missing + columns.two_sided,
    ]
    return stacked(ops, [part * columns.used for part in parts])


def _space(ops: Ops, statistics: Array, reference: Reference, columns: Columns) -> tuple[Space, Array]:
    """The weighted space, and the features' weights where single ones are averaged [N, F]."""
    hidden = ops.tanh(statistics @ ops.parameter("feature1") + ops.parameter("feature1_bias"))
    raw = ops.transpose(hidden @ ops.parameter("feature2") + ops.parameter("feature2_bias"), (0, 2, 1))
    weights = ops.exp(ops.clip(raw, -8.0, 4.0)) * ops.unsqueeze(columns.used, 1)
    pair = ops.reshape(ops.part(weights, 1, 0, 2), (0, -1))
    total = ops.exp(ops.parameter("bandwidth"))
    weight = ops.sqrt(pair / ops.unsqueeze(ops.total(pair) + 1e-6, 1) * total + 1e-9)
    rows = ops.concat([reference.squashed, reference.rank], 1) * ops.unsqueeze(weight, 2)
    squares = rows * rows
    single = ops.squeeze(ops.part(weights, 1, 2, 3), 1)
    share = single / ops.unsqueeze(ops.total(single) + 1e-6, 1)
    return Space(weight, rows, squares, ops.sum(squares, 1)), share


def _left_out(ops: Ops, space: Space, reference: Reference) -> list[Array]:
    """The kernel detectors [N, M] of each row against the others."""
    norm = ops.unsqueeze(space.norm, 1)
    one = norm * 0.0 + 1.0
    left = ops.transpose(ops.concat([space.rows * -2.0, norm + 1.0, one], 1), (0, 2, 1))
    distance = left @ ops.concat([space.rows, one, norm], 1)
    alone = ops.reciprocal(reference.count)
    return [
        _rarity(ops, ops.relu(weighted(ops, kernel, reference.share) - alone), reference.count)
        for kernel in _kernels(ops, distance)
    ]


def _distances(ops: Ops, space: Space, query: Query) -> tuple[Array, Array, Array]:
    """The queries in the weighted space, their squared distances over what is present from the centre [N, Q, 1]
    and, with 1 added, from each row [N, Q, M]."""
    weight = ops.unsqueeze(space.weight, 1)
    present = ops.concat([query.present, query.present], 2)
    point = ops.concat([query.squashed, query.rank], 2) * weight * present
    squared = space.weight * space.weight
    known = present @ ops.unsqueeze(squared, 2) + 1e-6
    stretch = ops.unsqueeze(ops.unsqueeze(ops.total(squared), 1), 2) / known
    norm = ops.unsqueeze(ops.total(point * point), 2)
    left = ops.concat([point * -2.0, present, norm], 2) * stretch
    one = ops.unsqueeze(space.norm, 1) * 0.0 + 1.0
    distance = left @ ops.concat([space.rows, space.squares, one], 1)
    return point, norm * stretch, ops.relu(distance) + 1.0


def _kernels(ops: Ops, distance: Array) -> list[Array]:
    """RUNGS widths; the argument is 1 + squared distance."""
    kernels = [ops.reciprocal(distance)]
    for _ in range(RUNGS - 1):
        twice = kernels[-1] * kernels[-1]
        kernels.append(twice * twice)
    return kernels


def _rarity(ops: Ops, mean: Array, count: Array) -> Array:
    return 0.0 - ops.log(mean + ops.reciprocal(count) * FLOOR)


def _cells(
    ops: Ops, prepared: Prepared, query: Query, columns: Columns, squashed: Array, rank: Array
) -> tuple[Array, Array]:
    """Detectors of single features: some plain ones [N, Q, 6], and the network's [N, Q, 2 POOLED_CELLS]."""
    reference, number = prepared.reference, ops.unsqueeze(columns.number, 1) * query.present
    half = ops.unsqueeze(ops.reciprocal(reference.count) * 0.5, 1)
    varied = query.present * ops.unsqueeze(reference.varied, 1)
    tail = (0.0 - ops.log(query.tail + half)) * varied
    distinct = query.rarity * number * 0.4
    novel = (query.rarity - ops.unsqueeze(reference.usual_rarity, 1)) * (query.present - number)
    features = ops.unsqueeze(prepared.share, 2)
    plain = [distinct @ features, novel @ features]
    for cell in (squashed, query.excess, distinct, novel):
        plain.append(ops.unsqueeze(ops.highest(cell, 2), 2))
    parts = [tail * 0.5, distinct, novel * 0.5, query.excess, squashed, rank, query.present]
    bias = prepared.statistics @ ops.parameter("cell1_token") + ops.parameter("cell1_bias")
    hidden = stacked_queries(ops, parts) @ ops.positive("cell1") + ops.unsqueeze(bias, 1)
    hidden = ops.relu(ops.relu(hidden) @ ops.positive("cell2") + ops.parameter("cell2_bias"))
    hidden = hidden * ops.unsqueeze(query.present, 3)
    average = ops.sum(hidden, 2) / ops.unsqueeze(columns.count, 2)
    return ops.concat(plain, 2), ops.concat([average, ops.highest(hidden, 2)], 2)
