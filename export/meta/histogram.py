"""A histogram of soft bins, and ranks read off it without sorting anything.

A value fills the bins below it and a part of its own. The rank is the normal quantile of the share of rows below:
straight lines between the quantiles at the edges between bins. Shapes as in `export.meta`.
"""

from dataclasses import dataclass

import numpy as np

from export.meta.ops import Array, Ops, weighted

BINS = 8
HALF_WAY = 1.8  # this far on the robust scale is half way to the outermost edge
# What lies below each edge between bins, half of what lies on it included.
UNDER = np.triu(np.ones((BINS + 1, BINS + 1)), 1) + np.eye(BINS + 1) / 2


@dataclass(frozen=True, slots=True)
class Histogram:
    """Of a reference's rows, column by column."""

    bins: tuple[Array, ...]  # BINS times [N, F, M], how far each row fills each bin
    knots: Array  # [N, F, BINS + 1], share of the rows at each edge between bins
    start: Array  # [N, F], the rank below all bins
    steps: Array  # [N, F, BINS], what each bin adds to it


def place(ops: Ops, y: Array) -> Array:
    """The whole line of the robust scale on (-1, 1), which the bins divide."""
    return y / (ops.abs(y) + HALF_WAY)


def histogram_of(ops: Ops, places: Array, share: Array, count: Array) -> Histogram:
    """Of rows at `places` [N, F, M], each with a `share` [N, M] of all `count` [N, 1]."""
    bins = ops.ramps(places, BINS / 2, BINS)
    knots = at_knots(ops, filled(ops, bins, share), 2)
    line = _normal(ops, knots @ ops.constant(UNDER), ops.unsqueeze(count, 2))
    steps = ops.part(line, 2, 1, BINS + 1) - ops.part(line, 2, 0, BINS)
    return Histogram(bins, knots, ops.squeeze(ops.part(line, 2, 0, 1), 2), steps)


def row_ranks(ops: Ops, histogram: Histogram) -> Array:
    """[N, F, M]: the ranks of the rows that the histogram is of."""
    rank = ops.unsqueeze(histogram.start, 2)
    for number, fill in enumerate(histogram.bins):
        rank = fill * ops.part(histogram.steps, 2, number, number + 1) + rank
    return rank


def query_ranks(ops: Ops, histogram: Histogram, places: Array) -> tuple[Array, Array]:
    """How far queries at `places` [N, Q, F] fill the bins [N, Q, F, BINS], and their ranks [N, Q, F]."""
    line = ops.unsqueeze(places * (BINS / 2) + BINS / 2, 3)
    bins = ops.clip(line - ops.constant(np.arange(BINS)), 0.0, 1.0)
    step, start = (ops.unsqueeze(part, 1) for part in (histogram.steps, histogram.start))
    return bins, ops.sum(bins * step, 3) + start


def filled(ops: Ops, bins: tuple[Array, ...], share: Array) -> Array:
    """How far each bin is filled [N, F, BINS] by rows of which each has its `share` [N, M]."""
    return ops.concat([ops.unsqueeze(weighted(ops, fill, share), 2) for fill in bins], 2)


def at_knots(ops: Ops, filled: Array, axis: int) -> Array:
    """What lies at each edge between bins, of how far these are filled along the last axis, `axis`."""
    none = ops.part(filled, axis, 0, 1) * 0.0
    return ops.concat([none + 1.0, filled], axis) - ops.concat([filled, none], axis)


def _normal(ops: Ops, standing: Array, count: Array) -> Array:
    """Nearly the normal quantile of a share, drawn in from 0 and 1 by half a row."""
    y = (standing * 2.0 - 1.0) * (1.0 - ops.reciprocal(count))
    return y * 1.1 / ops.sqrt(ops.sqrt(ops.maximum(1.0 - y * y, 1e-4)))
