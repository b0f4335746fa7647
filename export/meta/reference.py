"""The rows that events are compared with, and what is typical of them: a scale, a histogram, how rare values are.

Number columns are put on a robust scale, and each value is then seen twice: as a squashed z-score, tanh(z / 4), and
as a rank, read off a histogram and given a normal distribution. Both rise with the value. Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.columns import FARTHEST, Columns
from export.meta.grain import MISSING, Grain, grain
from export.meta.histogram import Histogram, histogram_of, place, row_ranks
from export.meta.ops import Array, Ops, weighted
from export.meta.rarity import rarity
from export.meta.robust import TINY, robust_scale

SCALE_ROWS = 4.0
UNVARIED = 8.0
LEAST_VARIANCE = 1e-3
UNSEEN = 0.5  # of a row


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows to compare with, and what is typical of them."""

    rows: Array  # [N, F, M], raw
    ordered: Array  # [N, F, M], the same with MISSING where a value is missing or its row does not count
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
    histogram: Histogram
    top: Array  # [N, F], the highest standing on the robust scale, at least 0
    bottom: Array  # [N, F], the lowest, at most 0
    grain: Grain
    usual_rarity: Array  # [N, F], of a row's value among the other rows, for categories


def reference(
    ops: Ops, rows: Array, mask: Array, label: Array, columns: Columns, prior: Reference | None
) -> Reference:
    """Prepare `rows` [N, F, M] with `mask` and `label` [N, M]; `prior` lends its scale to a short window, and its
    grain to any."""
    keep = mask * (1.0 - ops.relu(label))
    seen = ops.unsqueeze(ops.sum(keep, 1), 1)
    count, here = ops.maximum(seen, 1.0), ops.minimum(seen, 1.0)
    share = keep / count
    known, value = ops.known(rows), ops.filled(rows)
    present = weighted(ops, known, keep)
    centre, apart, own = robust_scale(ops, value, known, keep, present)
    root = _root(ops, own, present, prior)
    constant, varied, gain = _gain(ops, centre, root, present, columns)
    y = apart * ops.unsqueeze(gain, 2)
    histogram = histogram_of(ops, place(ops, y), share, count)
    rank = row_ranks(ops, histogram)
    kept = y * ops.unsqueeze(keep, 1)
    mean, spread = _moments(ops, kept, keep, present, constant, prior)
    ordered = value + (1.0 - known * ops.unsqueeze(keep, 1)) * MISSING
    unit = ops.abs(gain) / spread
    return Reference(
        rows=rows,
        ordered=ordered,
        label=label,
        keep=keep,
        share=share,
        count=count,
        here=here,
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
        histogram=histogram,
        top=ops.relu(ops.highest(kept, 2)),
        bottom=ops.minimum(ops.lowest(kept, 2), 0.0),
        grain=grain(ops, ordered, unit, count, here, prior.grain if prior else None),
        usual_rarity=_usual_rarity(ops, rows, share, count, columns),
    )


def _lent(ops: Ops, prior: Reference) -> Array:
    """[N, 1]: as how many rows of its own the scale of `prior` counts for a short window."""
    return prior.here * ops.minimum(prior.count, SCALE_ROWS)


def _root(ops: Ops, own: Array, present: Array, prior: Reference | None) -> Array:
    """The square root of the scale [N, F], which is `own` [N, F] but for what `prior` lends a short window."""
    if prior is None:
        return ops.sqrt(own)
    lent = _lent(ops, prior)
    return (ops.sqrt(own) * present + prior.root * lent) / ops.maximum(present + lent, 1.0)


def _gain(
    ops: Ops, centre: Array, root: Array, present: Array, columns: Columns
) -> tuple[Array, Array, Array]:
    """`constant`, `varied` and `gain` of the reference, each [N, F]."""
    scale, least = root * root, ops.abs(centre) * 1e-5 + TINY
    number = columns.number * ops.minimum(present, 1.0)
    constant = ops.at_most(scale, least) * number
    varied = number - constant
    return constant, varied, number * columns.sign / ops.maximum(scale, least)


def _moments(
    ops: Ops, kept: Array, keep: Array, present: Array, constant: Array, prior: Reference | None
) -> tuple[Array, Array]:
    """Mean and standard deviation [N, F] of the rows on the robust scale; `prior` lends its own to a short window."""
    divisor = ops.maximum(present, 1.0)
    mean = weighted(ops, kept, keep) / divisor
    square = ops.relu(weighted(ops, ops.minimum(kept * kept, 1e8), keep) / divisor - mean * mean)
    if prior is not None:
        lent = _lent(ops, prior)
        square = (square * present + prior.spread * prior.spread * lent) / ops.maximum(present + lent, 1.0)
    return mean, ops.sqrt(square + LEAST_VARIANCE) + constant


def _usual_rarity(ops: Ops, rows: Array, share: Array, count: Array, columns: Columns) -> Array:
    """[N, F]: how rare, on average, a row's category is among the other rows."""
    code = ops.coded(rows, columns.category)
    same = ops.equal(ops.unsqueeze(code, 3), ops.unsqueeze(code, 2))
    weights = ops.unsqueeze(ops.unsqueeze(share, 1), 3)
    others = ops.relu(ops.squeeze(same @ weights, 3) - ops.unsqueeze(ops.reciprocal(count), 2))
    rare = rarity(ops, others, ops.unsqueeze(count, 2), UNSEEN)
    return ops.uncoded(weighted(ops, rare, share), columns.category)
