"""How a column's values lie beside each other: how far the next value usually is, and how many rows share theirs.

Whole numbers, prices that end in 99, a handful of codes: a value between those that the rows have is strange there, and
ordinary in a column in which hardly any two rows agree. Gaps are in standard deviations, times the number of rows, so
that contexts of all sizes compare. A window takes the grain of the peers, where there are any: it belongs to the
column more than to the entity, and sorting every window would cost more than all else. Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.columns import Columns
from export.meta.ops import END, Array, Ops, stacked, stacked_queries

MISSING = 1e38  # stands where a row has no value
LARGEST = 1e6  # gap
FLOOR = 0.1  # of a gap, below its logarithm
TIE = 1e-7  # gap
LENT = 2.0  # rows of gap 1 that are presumed beside those there are
GAPS = 3  # detectors of single features


@dataclass(frozen=True, slots=True)
class Grain:
    """Of a reference's columns; all [N, F] but `here`."""

    unit: Array  # a raw difference times this is a gap, but for the number of rows; 0 for categories
    usual: Array  # mean over the rows of the log of the gap to the nearest other row
    spread: Array  # its standard deviation
    tied: Array  # share of the rows whose very value another row has
    here: Array  # [N, 1], 1 if there is any row


def grain(ops: Ops, ordered: Array, unit: Array, count: Array, here: Array, prior: "Grain | None") -> Grain:
    """Of rows `ordered` [N, F, M], MISSING where a value doesn't count; as `prior` has it, if that has any rows.

    unit [N, F]; count [N, 1], of the rows; here [N, 1].
    """

    def own() -> Array:
        return _own(ops, ordered, unit, count)

    if prior is None:
        three = own()
    else:
        lent = stacked(ops, [part + unit * 0.0 for part in (prior.usual, prior.spread, prior.tied)])
        three = ops.where_all(1.0 - prior.here, own, lent)
    usual, spread, tied = (ops.squeeze(ops.part(three, 1, place, place + 1), 1) for place in range(3))
    return Grain(unit, usual, spread, tied, here)


def _own(ops: Ops, ordered: Array, unit: Array, count: Array) -> Array:
    """[N, 3, F]: `usual`, `spread` and `tied` of the rows themselves."""
    edge = ops.unsqueeze(unit * 0.0 + MISSING, 2)
    line = ops.concat([edge * -1.0, ops.ascending(ordered), edge], 2)
    apart = ops.minimum(ops.part(line, 2, 1, END) - ops.part(line, 2, 0, -1), MISSING)
    nearest = ops.minimum(ops.part(apart, 2, 1, END), ops.part(apart, 2, 0, -1))
    there = ops.less(ops.part(line, 2, 1, -1), MISSING * 0.1)
    gap = ops.minimum(nearest * ops.unsqueeze(unit * count, 2), LARGEST)
    logs, number = ops.log(gap + FLOOR), ops.total(there)
    usual = ops.total(logs * there) / (number + LENT)
    off = (logs - ops.unsqueeze(usual, 2)) * there
    square = (ops.total(off * off) + usual * usual * LENT) / (number + LENT)
    tied = ops.total(ops.less(gap, TIE) * there) / ops.maximum(number, 1.0)
    return stacked(ops, [usual, ops.sqrt(square + 1e-4), tied])


def gaps(ops: Ops, apart: Array, alike: Array, grain: Grain, count: Array, here: Array) -> Array:
    """[N, Q, GAPS, F]: how far the nearest row's value is, that beside what is usual, how surprising a new value is.

    apart [N, Q, F, M], from each row's value, about MISSING where that doesn't count; alike [N, Q, F], share of the
    rows with the very value; count [N, 1], of the rows; here [N, Q, F], 1 where gaps mean anything.
    """
    nearest = ops.minimum(ops.lowest(ops.abs(apart), 3), MISSING * 0.1)
    gap = ops.minimum(nearest * ops.unsqueeze(grain.unit * count, 1), LARGEST)
    usual, spread = ops.unsqueeze(grain.usual, 1), ops.unsqueeze(grain.spread + 0.3, 1)
    beside = ops.relu((ops.log(gap + FLOOR) - usual) / spread)
    unseen = ops.relu(1.0 - alike * ops.unsqueeze(count, 1))
    rare = ops.log(1.0 - grain.tied + ops.reciprocal(count) * 0.3) * -0.5
    fresh = unseen * ops.unsqueeze(ops.relu(rare), 1)
    parts = [ops.log(gap + 1.0) * 0.5, beside, fresh]
    return stacked_queries(ops, [part * here for part in parts])


def applies(ops: Ops, present: Array, columns: Columns) -> Array:
    """[N, Q, F]: 1 where gaps mean anything: for numbers of which both sides may be strange, `present` [N, Q, F]."""
    return present * ops.unsqueeze(columns.number * columns.two_sided, 1)
