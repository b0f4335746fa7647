"""A centre and a scale that rows far away have no say in. Shapes as in `export.meta`."""

from export.meta.ops import Array, Ops, weighted

# Steps to the robust centre: half of how far a row may be to have a say, and the least variance.
STEPS = ((1.5, 0.04), (2.0, 0.006))
USUAL = 0.536  # what the last step stretches the width of normally distributed values by
FARTHEST_UNIT = 1e4
NARROWEST = 0.25  # the least scale, in mean absolute deviations
TINY = 1e-30


def robust_scale(
    ops: Ops, value: Array, known: Array, keep: Array, present: Array
) -> tuple[Array, Array, Array]:
    """Centre [N, F], the rows' deviations from it [N, F, M], and scale [N, F].

    Of the values [N, F, M] where `known` [N, F, M], in rows that `keep` [N, M] counts: `present` [N, F] of them.

    Some steps from the mean, in each of which a row's say is Tukey's biweight of its distance (Beaton and Tukey,
    Technometrics 1974): nearly the precision of the standard deviation, and rows far away have hardly a say. Where
    tails are heavy each step goes about half as far as the one before, so the last is taken twice, in place of more.
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
    centre = centre + shift * width
    scale = ops.maximum(width * stretch * stretch * (1.0 / USUAL), distance * NARROWEST)
    return centre, (apart - ops.unsqueeze(centre - mean, 2)) * known, scale
