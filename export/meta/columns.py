"""What a profile says about the columns, in the form in which the model uses it. Shapes as in `export.meta`."""

from dataclasses import dataclass

from export.meta.ops import Array, Ops

FARTHEST = 1e15  # on the robust scale: standings are cut to plus and minus this


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
