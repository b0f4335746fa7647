"""How rare a thing is, from the share of the rows that are like it."""

from export.meta.ops import Array, Ops


def rarity(ops: Ops, share: Array, count: Array, unseen: float) -> Array:
    """Minus the log of a share of `count` rows, to which as much is added as `unseen` of a row.

    So what no row is like is rarer the more rows there are, and not infinitely rare. Broadcast like a product.
    """
    return 0.0 - ops.log(share + ops.reciprocal(count) * unseen)
