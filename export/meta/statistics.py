"""What each feature of a reference is like, in numbers that small networks see. Shapes as in `export.meta`."""

from export.meta.columns import Columns
from export.meta.ops import Array, Ops, stacked, weighted
from export.meta.reference import Reference

STATISTICS = 15
CATEGORY = 1  # which of them is 1 for a category, 0 for a number


def statistics(ops: Ops, reference: Reference, columns: Columns) -> Array:
    """What each feature is like [N, STATISTICS, F]; 0 in columns that are not in use."""
    z, share, knots = reference.squashed, reference.share, reference.histogram.knots
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
        reference.grain.tied * 2.0,
        reference.grain.usual * 0.3,
    ]
    return stacked(ops, [part * columns.used for part in parts])
