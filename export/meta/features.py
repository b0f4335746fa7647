"""From raw rows to features that are alike for every data set, without sorting anything.

Number columns are put on a robust scale, and each value is then seen twice: squashed, phi(y) = sign(y) log(1 + |y|),
and as a rank, read off a histogram of BINS soft bins and given a normal distribution. A query beyond the
context's range has what exceeds it added to its rank. Both rise with the value, without bound.

Shapes: N references (an event's own window, or the peers), M their rows, Q queries to each, F columns. Rows are
feature-major, [N, F, M]; queries are [N, Q, F].
"""

from dataclasses import dataclass

import numpy as np

from export.meta.ops import Array, Ops, weighted

BINS = 8
SCALE_ROWS = 4.0
UNVARIED = 8.0
FARTHEST = 1e15
TINY = 1e-30
HALF_WAY = 2.5


@dataclass(frozen=True, slots=True)
class Columns:
    """What the profile says about the columns; all [1, F], or [N, F] in training, unless it says otherwise."""

    category: Array  # [F] or [N, F], as it came
    number: Array  # 1 for numbers, 0 for categories
    used: Array  # 1, or 0 for a column that only fills a training batch up
    sign: Array  # -1 where low is strange, else 1: what is strange points upwards
    two_sided: Array  # 1 where both sides may be strange
    floor: Array  # the least standing of a query: 0 where only one side is strange, else very low
    count: Array  # [1, 1] or [N, 1]: columns in use


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows to compare with, and what is typical of them."""

    rows: Array  # [N, F, M], raw
    label: Array  # [N, M]
    keep: Array  # [N, M], 1 for a row that counts: present, and no confirmed anomaly
    share: Array  # [N, M], keep / count
    count: Array  # [N, 1], at least 1
    here: Array  # [N, 1], 1 if there is any row
    missing: Array  # [N, F], share of the rows without a value
    centre: Array  # [N, F]
    root: Array  # [N, F], square root of the scale
    gain: Array  # [N, F], 1 / scale with the column's sign; 0 for categories and unused columns
    limit: Array  # [N, F], the farthest standing: a column that never varies can't tell far from farther
    constant: Array  # [N, F], 1 for a number column that never varies
    varied: Array  # [N, F], 1 for the other number columns
    squashed: Array  # [N, F, M]
    rank: Array  # [N, F, M]
    knots: Array  # [N, F, BINS + 1], share of the rows at each edge between bins
    steps: Array  # [N, F, BINS], what each bin adds to the distribution function
    top: Array  # [N, F], the highest squashed value
    bottom: Array  # [N, F]
    usual_rarity: Array  # [N, F], of a row's value among the other rows, for categories


@dataclass(frozen=True, slots=True)
class Query:
    """Events on a reference's scale; all [N, Q, F] unless it says otherwise."""

    present: Array  # 0 where missing
    squashed: Array
    rank: Array  # with the excess
    excess: Array  # how far beyond the range, not negative
    tail: Array  # share of the rows that are at least as extreme
    same: Array  # [N, Q, F, M], 1 where a row has the very same value
    rarity: Array  # minus the log of their share


def columns(ops: Ops, category: Array, direction: Array, used: Array) -> Columns:
    """`category` is [F], the others are [1, F]; in training all are [N, F]."""
    one_sided = ops.abs(direction)
    return Columns(
        category=category,
        number=used - category * used,
        used=used,
        sign=1.0 - (one_sided - direction),
        two_sided=1.0 - one_sided,
        floor=(one_sided - 1.0) * FARTHEST,
        count=ops.unsqueeze(ops.sum(used, 1), 1),
    )


def reference(
    ops: Ops, rows: Array, mask: Array, label: Array, columns: Columns, prior: Reference | None
) -> Reference:
    """Prepare `rows` [N, F, M] with `mask` and `label` [N, M]; `prior` lends its scale to a short window."""
    keep = mask * (1.0 - ops.relu(label))
    seen = ops.unsqueeze(ops.sum(keep, 1), 1)
    count = ops.maximum(seen, 1.0)
    share = keep / count
    known, value = ops.known(rows), ops.filled(rows)
    present = weighted(ops, known, keep)
    mean, apart = _robust_centre(ops, value, known, keep, present)
    roots = weighted(ops, ops.sqrt(ops.abs(apart)), keep)
    if prior is None:
        root = roots / ops.maximum(present, 1.0)
    else:
        lent = prior.here * ops.minimum(prior.count, SCALE_ROWS)
        root = (roots + prior.root * lent) / ops.maximum(present + lent, 1.0)
    scale, least = root * root, ops.abs(mean) * 1e-5 + TINY
    number = columns.number * ops.minimum(present, 1.0)
    constant = ops.at_most(scale, least) * number
    varied = number - constant
    gain = number * columns.sign / ops.maximum(scale, least)
    y = apart * ops.unsqueeze(gain, 2)
    squashed = squash(ops, y)
    knots, steps, standing = _histogram(ops, y, share)
    kept = squashed * ops.unsqueeze(keep, 1)
    return Reference(
        rows=rows,
        label=label,
        keep=keep,
        share=share,
        count=count,
        here=ops.minimum(seen, 1.0),
        missing=1.0 - present / count,
        centre=mean,
        root=root,
        gain=gain,
        limit=constant * UNVARIED + (1.0 - constant) * FARTHEST,
        constant=constant,
        varied=varied,
        squashed=squashed,
        rank=_normal(ops, standing, ops.unsqueeze(count, 2)) * ops.unsqueeze(varied, 2),
        knots=knots,
        steps=steps,
        top=ops.relu(ops.highest(kept, 2)),
        bottom=0.0 - ops.relu(ops.highest(0.0 - kept, 2)),
        usual_rarity=_usual_rarity(ops, rows, share, count, columns),
    )


def query(ops: Ops, raw: Array, reference: Reference, columns: Columns) -> Query:
    """Put the events `raw` [N, Q, F] on the scale of `reference`."""
    present = ops.known(raw) * ops.unsqueeze(columns.used, 1)
    value = ops.clip(ops.filled(raw), -1e37, 1e37)
    y = (value - ops.unsqueeze(reference.centre, 1)) * ops.unsqueeze(reference.gain, 1)
    low = ops.maximum(columns.floor, 0.0 - reference.limit)
    y = ops.maximum(y, ops.unsqueeze(low, 1))
    y = ops.minimum(y, ops.unsqueeze(reference.limit, 1))
    squashed = squash(ops, y)
    above = ops.relu(squashed - ops.unsqueeze(reference.top, 1))
    below = ops.relu(ops.unsqueeze(reference.bottom, 1) - squashed)
    line = ops.unsqueeze(_place(ops, y) * (BINS / 2) + BINS / 2, 3)
    bins = ops.clip(line - ops.constant(np.arange(BINS)), 0.0, 1.0)
    start = ops.sum(ops.part(reference.knots, 2, 0, 1), 2) * 0.5
    standing = ops.sum(bins * ops.unsqueeze(reference.steps, 1), 3) + ops.unsqueeze(start, 1)
    count = ops.unsqueeze(reference.count, 1)
    rank = _normal(ops, standing, count) * ops.unsqueeze(reference.varied, 1)
    same = ops.equal(ops.unsqueeze(reference.rows, 1), ops.unsqueeze(value, 3))
    share = ops.unsqueeze(ops.unsqueeze(reference.share, 1), 3)
    return Query(
        present=present,
        squashed=squashed,
        rank=rank + (above - below),
        excess=(above + below) * present,
        tail=ops.minimum(standing, 1.0 - standing),
        same=same,
        rarity=_rarity(ops, ops.squeeze(same @ share, 3), count),
    )


def squash(ops: Ops, y: Array) -> Array:
    """phi(y) = sign(y) log(1 + |y|)."""
    return ops.sign(y) * ops.log(ops.abs(y) + 1.0)


def _robust_centre(ops: Ops, value: Array, known: Array, keep: Array, present: Array) -> tuple[Array, Array]:
    """One reweighting step from the mean towards the median [N, F], and the rows' deviations from it [N, F, M]."""
    divisor = ops.maximum(present, 1.0)
    mean = weighted(ops, value, keep) / divisor
    apart = (value - ops.unsqueeze(mean, 2)) * known
    distance = ops.abs(apart)
    nearby = weighted(ops, distance, keep) / divisor * 0.3 + TINY
    weight = known / (distance + ops.unsqueeze(nearby, 2))
    step = weighted(ops, weight * apart, keep) / (weighted(ops, weight, keep) + TINY)
    return mean + step, (apart - ops.unsqueeze(step, 2)) * known


def _histogram(ops: Ops, y: Array, share: Array) -> tuple[Array, Array, Array]:
    """Knots [N, F, BINS + 1], steps [N, F, BINS] and the distribution function [N, F, M] of the rows `y`."""
    bins = ops.ramps(_place(ops, y), BINS / 2, BINS)
    filled = ops.squeeze(bins @ ops.unsqueeze(ops.unsqueeze(share, 1), 3), 3)
    none = ops.part(filled, 2, 0, 1) * 0.0
    knots = ops.concat([none + 1.0, filled], 2) - ops.concat([filled, none], 2)
    steps = (ops.part(knots, 2, 1, BINS + 1) + ops.part(knots, 2, 0, BINS)) * 0.5
    start = ops.part(knots, 2, 0, 1) * 0.5
    standing = ops.squeeze(ops.unsqueeze(steps, 2) @ bins, 2) + start
    return knots, steps, standing


def _place(ops: Ops, y: Array) -> Array:
    """The whole line on (-1, 1), which the bins divide."""
    return y / (ops.abs(y) + HALF_WAY)


def _normal(ops: Ops, standing: Array, count: Array) -> Array:
    """Nearly the normal quantile of a share, drawn in from 0 and 1 by half a row."""
    y = (standing * 2.0 - 1.0) * (1.0 - ops.reciprocal(count))
    return y * 1.1 / ops.sqrt(ops.sqrt(ops.maximum(1.0 - y * y, 1e-4)))


def _rarity(ops: Ops, share: Array, count: Array) -> Array:
    """Minus the log of a share, of which an unseen value has half a row."""
    return 0.0 - ops.log(share + ops.reciprocal(count) * 0.5)


def _usual_rarity(ops: Ops, rows: Array, share: Array, count: Array, columns: Columns) -> Array:
    """[N, F]: how rare, on average, a row's category is among the other rows."""
    code = ops.coded(rows, columns.category)
    same = ops.equal(ops.unsqueeze(code, 3), ops.unsqueeze(code, 2))
    weights = ops.unsqueeze(ops.unsqueeze(share, 1), 3)
    others = ops.relu(ops.squeeze(same @ weights, 3) - ops.unsqueeze(ops.reciprocal(count), 2))
    return ops.uncoded(weighted(ops, _rarity(ops, others, ops.unsqueeze(count, 2)), share), columns.category)
