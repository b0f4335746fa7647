"""Events on the scale of the rows that they are compared with. Shapes as in `export.meta`.

Beyond the rows' range the log of what exceeds it is added to the squashed value and to the rank, so both go on rising.
"""

from dataclasses import dataclass

from export.meta.columns import Columns
from export.meta.grain import applies, gaps
from export.meta.histogram import place, query_ranks
from export.meta.ops import Array, Ops, stacked_queries
from export.meta.rarity import rarity
from export.meta.reference import UNSEEN, Reference

EXCESS = 0.25  # of what exceeds the rows' range, in the squashed value; the rank has all of it


@dataclass(frozen=True, slots=True)
class Query:
    """Events on a reference's scale; all [N, Q, F] unless it says otherwise."""

    value: Array  # raw, 0 where missing
    present: Array  # 0 where missing
    squashed: Array  # with the excess
    rank: Array  # with the excess
    beyond: Array  # [N, Q, 5, F], logs of how far above the highest row and below the lowest, how far above and below
    # the robust centre, on the robust scale, and of the plain z-score's size; 0 where missing
    few_above: Array  # minus half the log of twice the share of the rows above, 0 for half of them
    few_below: Array
    bins: Array  # [N, Q, F, BINS], how far a value fills each bin
    rarity: Array  # minus the log of the share of the rows that have the very same value
    gaps: Array  # [N, Q, GAPS, F], how far the next value is, and how new a value


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
    places, varied = place(ops, y), ops.unsqueeze(reference.varied, 1)
    bins, rank = query_ranks(ops, reference.histogram, places)
    share = ops.unsqueeze(ops.unsqueeze(reference.share, 1), 3)
    apart = ops.unsqueeze(reference.ordered, 1) - ops.unsqueeze(value, 3)
    side = ops.sign(apart)
    lead = ops.squeeze(side @ share, 3)
    alike = ops.unsqueeze(reference.here, 1) - ops.squeeze(ops.abs(side) @ share, 3)
    few_above, few_below = _tails(ops, lead, reference, columns)
    here = present * varied
    return Query(
        value=value,
        present=present,
        squashed=ops.tanh(z * 0.25) + excess * EXCESS,
        rank=rank * varied + excess,
        beyond=beyond,
        few_above=few_above * here,
        few_below=few_below * here,
        bins=bins,
        rarity=rarity(ops, alike, ops.unsqueeze(reference.count, 1), UNSEEN),
        gaps=gaps(ops, apart, alike, reference.grain, reference.count, applies(ops, present, columns)),
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
