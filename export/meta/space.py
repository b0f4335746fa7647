"""A weighted space in which rows and queries lie: a feature's place is a mix of its squashed and its rank value.

exp(-D), D the squared distance in it, and its 4th and 16th powers are kernels of three widths.
Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.ops import Array, Ops, weighted
from export.meta.query import Query
from export.meta.rarity import rarity
from export.meta.reference import Reference

RUNGS = 3
SCALE = 4.0  # of the squashed features in the space
UNSEEN = 0.05  # of a row, where kernels are averaged


@dataclass(frozen=True, slots=True)
class Space:
    """The weighted feature space of a reference."""

    weight: Array  # [N, 2, F], of the squashed features and of the ranks in each feature's place
    rows: Array  # [N, F, M]
    squares: Array  # [N, F, M]
    norm: Array  # [N, M], squared distance of the rows from the origin


def space(ops: Ops, pair: Array, reference: Reference) -> Space:
    """The rows of `reference` in the space; `pair` is [N, 2, F], the raw weights."""
    total = ops.unsqueeze(ops.unsqueeze(ops.total(ops.sum(pair, 1)) + 1e-6, 1), 2)
    weight = ops.sqrt(pair / total * ops.exp(ops.parameter("bandwidth")) + 1e-9)
    squashed, rank = (ops.transpose(ops.part(weight, 1, place, place + 1), (0, 2, 1)) for place in (0, 1))
    rows = reference.squashed * squashed * SCALE + reference.rank * rank
    squares = rows * rows
    return Space(weight, rows, squares, ops.sum(squares, 1))


def distances(ops: Ops, space: Space, query: Query) -> tuple[Array, Array]:
    """The queries in the space [N, Q, F], 0 where missing, and their squared distances from each row [N, Q, M].

    Distances are over what is present, and stretched as if all were.
    """
    parts = [ops.part(space.weight, 1, place, place + 1) for place in (0, 1)]
    point = (query.squashed * SCALE * parts[0] + query.rank * parts[1]) * query.present
    squared = ops.sum(space.weight * space.weight, 1)
    known = query.present @ ops.unsqueeze(squared, 2) + 1e-6
    stretch = ops.unsqueeze(ops.unsqueeze(ops.total(squared), 1), 2) / known
    norm = ops.unsqueeze(ops.total(point * point), 2)
    left = ops.concat([point * -2.0, query.present, norm], 2) * stretch
    one = ops.unsqueeze(space.norm, 1) * 0.0 + 1.0
    return point, ops.relu(left @ ops.concat([space.rows, space.squares, one], 1))


def kernels(ops: Ops, distance: Array) -> list[Array]:
    """RUNGS times [N, Q, M], of squared distances [N, Q, M]: each a quarter of the one before in squared width."""
    rungs = [ops.exp(distance * -1.0)]
    for _ in range(RUNGS - 1):
        twice = rungs[-1] * rungs[-1]
        rungs.append(twice * twice)
    return rungs


def left_out(ops: Ops, space: Space, reference: Reference) -> Array:
    """[N, M]: how rare each row is among the others, by the widest kernel."""
    norm = ops.unsqueeze(space.norm, 1)
    one = norm * 0.0 + 1.0
    left = ops.transpose(ops.concat([space.rows * 2.0, norm * -1.0, one], 1), (0, 2, 1))
    kernel = ops.exp(left @ ops.concat([space.rows, one, norm * -1.0], 1))
    alone = ops.reciprocal(reference.count)
    others = ops.relu(weighted(ops, kernel, reference.share) - alone)
    return rarity(ops, others, reference.count, UNSEEN)
