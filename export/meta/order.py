"""Labelled peers in an order of their own.

What is fitted to verdicts magnifies rounding, and sums are rounded by the order of what is summed. So it must not hang
on the order in which the peers came, nor on units or on the order of the columns. Shapes as in `export.meta`.
"""

from export.meta.columns import Columns
from export.meta.ops import END, Array, Ops

LAST = 1e30  # key of a row that does not count


def in_own_order(
    ops: Ops, rows: Array, mask: Array, label: Array, columns: Columns
) -> tuple[Array, Array, Array]:
    """`rows` [N, F, M] with `mask` and `label` [N, M], all as they are where no row has a label.

    A row's place is by the sum of the cubes of how many rows each of its numbers is above: whole numbers, that hardly
    two rows have the same of, and those by their first column.
    """
    packed = ops.concat([rows, ops.unsqueeze(mask, 1), ops.unsqueeze(label, 1)], 1)

    def ordered() -> Array:
        above = ops.less(ops.unsqueeze(rows, 2), ops.unsqueeze(rows, 3))
        above = ops.total(above * ops.unsqueeze(ops.unsqueeze(mask, 1), 1))
        cubes = above * above * above * ops.unsqueeze(columns.number, 2)
        key = ops.sum(cubes, 1) + (1.0 - mask) * LAST
        first = ops.squeeze(ops.part(above, 1, 0, 1), 1)
        both = ops.in_order(ops.concat([packed, ops.unsqueeze(key, 1)], 1), first)
        return ops.in_order(ops.part(both, 1, 0, -1), ops.squeeze(ops.part(both, 1, -1, END), 1))

    packed = ops.where_any(ops.abs(label), ordered, packed)
    return (
        ops.part(packed, 1, 0, -2),
        ops.squeeze(ops.part(packed, 1, -2, -1), 1),
        ops.squeeze(ops.part(packed, 1, -1, END), 1),
    )
