"""From raw rows to features that are alike for every data set, without sorting anything.

Number columns are put on a robust scale, and each value is then seen twice: as a squashed z-score, tanh(z / 4), and
as a rank, read off a histogram of BINS soft bins and given a normal distribution (straight lines between the normal
quantiles of the edges between bins). A query beyond the context's range
has the log of what exceeds it added to both. Both rise with the value, without bound.

Shapes: N references (an event's own window, or the peers), M their rows, Q queries to each, F columns. Rows are
feature-major, [N, F, M]; queries are [N, Q, F].
"""

from dataclasses import dataclass

import numpy as np

from export.meta.ops import Array, Ops, stacked_queries, weighted

BINS = 8
SCALE_ROWS = 4.0
UNVARIED = 8.0
FARTHEST = 1e15
MISSING = 1e38
TINY = 1e-30
HALF_WAY = 1.8
LEAST_VARIANCE = 1e-3
EXCESS = 0.25
# Steps to the robust centre: half of how far a row may be to have a say, and the least variance.
STEPS = ((1.5, 0.04), (2.0, 0.006))
FARTHEST_UNIT = 1e4
NARROWEST = 0.25  # the least scale, in mean absolute deviations
# What lies below each edge between bins, half of what lies on it included.
UNDER = np.triu(np.ones((BINS + 1, BINS + 1)), 1) + np.eye(BINS + 1) / 2


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
    ordered: Array  # [N, F, M], the same with MISSING where a value is missing
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
    mean: Array  # [N, F], on the robust scale
    spread: Array  # [N, F], standard deviation there
    squashed: Array  # [N, F, M]
    rank: Array  # [N, F, M]
    bins: tuple[Array, ...]  # BINS times [N, F, M], how far each row fills each bin
    knots: Array  # [N, F, BINS + 1], share of the rows at each edge between bins
    start: Array  # [N, F], the rank below all bins
    steps: Array  # [N, F, BINS], what each bin adds to it
    top: Array  # [N, F], the highest standing on the robust scale, at least 0
    bottom: Array  # [N, F], the lowest, at most 0
    usual_rarity: Array  # [N, F], of a row's value among the other rows, for categories


@dataclass(frozen=True, slots=True)
class Query:
    """Events on a reference's scale; all [N, Q, F] unless it says otherwise."""

    present: Array  # 0 where missing
    squashed: Array  # with the excess
    rank: Array  # with the excess
    beyond: Array  # [N, Q, 5, F], logs of how far above the highest row and below the lowest, how far above and below
    # the robust centre, on the robust scale, and of the plain z-score's size; 0 where missing
    few_above: Array  # minus half the log of twice the share of the rows above, 0 for half of them
    few_below: Array
    bins: Array  # [N, Q, F, BINS], how far a value fills each bin
    differs: Array  # [N, Q, F, M], 0 where a row has the very same value, else 1
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
    centre, apart, own = _robust_scale(ops, value, known, keep, present)
    if prior is None:
        root = ops.sqrt(own)
    else:
        lent = prior.here * ops.minimum(prior.count, SCALE_ROWS)
        root = (ops.sqrt(own) * present + prior.root * lent) / ops.maximum(present + lent, 1.0)
    scale, least = root * root, ops.abs(centre) * 1e-5 + TINY
    number = columns.number * ops.minimum(present, 1.0)
    constant = ops.at_most(scale, least) * number
    varied = number - constant
    gain = number * columns.sign / ops.maximum(scale, least)
    y = apart * ops.unsqueeze(gain, 2)
    place = _place(ops, y)
    bins = ops.ramps(place, BINS / 2, BINS)
    knots, start, steps = _histogram(ops, bins, share, count)
    rank = ops.unsqueeze(start, 2)
    for number, fill in enumerate(bins):
        rank = fill * ops.part(steps, 2, number, number + 1) + rank
    kept = y * ops.unsqueeze(keep, 1)
    mean, spread = _moments(ops, kept, keep, present, constant, prior)
    return Reference(
        rows=rows,
        ordered=value + (1.0 - known) * MISSING,
        label=label,
        keep=keep,
        share=share,
        count=count,
        here=ops.minimum(seen, 1.0),
        missing=1.0 - present / count,
        centre=centre,
        root=root,
        gain=gain,
        limit=constant * UNVARIED + (1.0 - constant) * FARTHEST,
        constant=constant,
        varied=varied,
        mean=mean,
        spread=spread,
        squashed=ops.tanh(
            (y - ops.unsqueeze(mean, 2)) * ops.unsqueeze(ops.reciprocal(spread * 4.0), 2) * known
        ),
        rank=rank * ops.unsqueeze(varied, 2),
        bins=bins,
        knots=knots,
        start=start,
        steps=steps,
        top=ops.relu(ops.highest(kept, 2)),
        bottom=ops.minimum(ops.lowest(kept, 2), 0.0),
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
    unit = ops.unsqueeze(ops.reciprocal(reference.spread), 1)
    y = y * present
    higher = ops.relu(y - ops.unsqueeze(reference.top, 1)) * unit
    lower = ops.relu(ops.unsqueeze(reference.bottom, 1) - y) * unit
    z = (y - ops.unsqueeze(reference.mean, 1)) * unit
    beyond = stacked_queries(ops, [higher, lower, ops.relu(y), ops.relu(0.0 - y), ops.abs(z) * present])
    beyond = ops.log(beyond + 1.0)
    excess = ops.squeeze(ops.part(beyond, 2, 0, 1) - ops.part(beyond, 2, 1, 2), 2)
    place, varied = _place(ops, y), ops.unsqueeze(reference.varied, 1)
    line = ops.unsqueeze(place * (BINS / 2) + BINS / 2, 3)
    bins = ops.clip(line - ops.constant(np.arange(BINS)), 0.0, 1.0)
    step, start = (ops.unsqueeze(part, 1) for part in (reference.steps, reference.start))
    rank = ops.sum(bins * step, 3) + start
    share = ops.unsqueeze(ops.unsqueeze(reference.share, 1), 3)
    apart = ops.unsqueeze(reference.ordered, 1) - ops.unsqueeze(value, 3)
    side = ops.sign(apart)
    lead = ops.squeeze(side @ share, 3)
    differs = ops.abs(side)
    other = ops.squeeze(differs @ share, 3)
    few_above, few_below = _tails(ops, lead, reference, columns)
    here = present * varied
    return Query(
        present=present,
        squashed=ops.tanh(z * 0.25) + excess * EXCESS,
        rank=rank * varied + excess,
        beyond=beyond,
        few_above=few_above * here,
        few_below=few_below * here,
        bins=bins,
        differs=differs,
        rarity=_rarity(ops, ops.unsqueeze(reference.here, 1) - other, ops.unsqueeze(reference.count, 1)),
    )


def _tails(ops: Ops, lead: Array, reference: Reference, columns: Columns) -> tuple[Array, Array]:
    """How few rows lie above and below a query, from the `lead` of the share above (or missing) over that below.

    In a column whose low side is strange, above means below; one-sided columns have nothing below.
    """
    known = ops.unsqueeze(1.0 - reference.missing, 1)
    half = ops.unsqueeze(ops.reciprocal(reference.count) * 0.5, 1)
    under = (ops.unsqueeze(reference.here, 1) - lead) * 0.5
    over = known - under
    up, both = ops.unsqueeze(columns.sign * 0.5 + 0.5, 1), ops.unsqueeze(columns.two_sided, 1)
    above = over * up + under * (1.0 - up)

    def few(share: Array) -> Array:
        return ops.relu(ops.log((share + half) * 2.0) * -0.5)

    return few(above), few(known - above) * both


def _robust_scale(
    ops: Ops, value: Array, known: Array, keep: Array, present: Array
) -> tuple[Array, Array, Array]:
    """Centre [N, F], the rows' deviations from it [N, F, M], and scale [N, F].

    Some steps from the mean, in each of which a row's say is Tukey's biweight of its distance (Beaton and Tukey,
    Technometrics 1974): nearly the precision of the standard deviation, and rows far away have no say at all.
    """
    divisor = ops.maximum(present, 1.0)
    mean = weighted(ops, value, keep) / divisor
    apart = (value - ops.unsqueeze(mean, 2)) * known
    distance = weighted(ops, ops.abs(apart), keep) / divisor
    width = distance + TINY
    missing = (1.0 - known) * FARTHEST_UNIT
    u = ops.clip(apart * ops.unsqueeze(ops.reciprocal(width), 2) + missing, -FARTHEST_UNIT, FARTHEST_UNIT)
    centre, shift = mean, mean * 0.0
    stretch = shift + 1.0
    for reach, least in STEPS:
        stretch = stretch * reach
        width = width * stretch
        u = (u - ops.unsqueeze(shift, 2)) * ops.unsqueeze(ops.reciprocal(stretch), 2)
        square = u * u
        near = ops.tent(square, 0.25)
        say = near * near
        total = weighted(ops, say, keep) + TINY
        shift = weighted(ops, say * u, keep) / total
        narrow = ops.relu(weighted(ops, say * square, keep) / total - shift * shift)
        centre, stretch = centre + shift * width, ops.sqrt(narrow + least)
    scale = ops.maximum(width * stretch, distance * NARROWEST)
    return centre, (apart - ops.unsqueeze(centre - mean, 2)) * known, scale


def _moments(
    ops: Ops, kept: Array, keep: Array, present: Array, constant: Array, prior: Reference | None
) -> tuple[Array, Array]:
    """Mean and standard deviation [N, F] of the rows on the robust scale; `prior` lends its own to a short window."""
    divisor = ops.maximum(present, 1.0)
    mean = weighted(ops, kept, keep) / divisor
    square = ops.relu(weighted(ops, ops.minimum(kept * kept, 1e8), keep) / divisor - mean * mean)
    if prior is not None:
        lent = prior.here * ops.minimum(prior.count, SCALE_ROWS)
        square = (square * present + prior.spread * prior.spread * lent) / ops.maximum(present + lent, 1.0)
    return mean, ops.sqrt(square + LEAST_VARIANCE) + constant


def filled(ops: Ops, bins: tuple[Array, ...], share: Array) -> Array:
    """How far each bin is filled [N, F, BINS] by rows of which each has its `share` [N, M]."""
    return ops.concat([ops.unsqueeze(weighted(ops, fill, share), 2) for fill in bins], 2)


def at_knots(ops: Ops, filled: Array, axis: int) -> Array:
    """What lies at each edge between bins, of how far these are filled along the last axis, `axis`."""
    none = ops.part(filled, axis, 0, 1) * 0.0
    return ops.concat([none + 1.0, filled], axis) - ops.concat([filled, none], axis)


def _histogram(ops: Ops, bins: tuple[Array, ...], share: Array, count: Array) -> tuple[Array, Array, Array]:
    """Of rows in the bins: knots [N, F, BINS + 1], and start [N, F] and steps [N, F, BINS] of the normal quantile."""
    knots = at_knots(ops, filled(ops, bins, share), 2)
    line = _normal(ops, knots @ ops.constant(UNDER), ops.unsqueeze(count, 2))
    steps = ops.part(line, 2, 1, BINS + 1) - ops.part(line, 2, 0, BINS)
    return knots, ops.squeeze(ops.part(line, 2, 0, 1), 2), steps


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
