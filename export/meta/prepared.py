"""A reference made ready for any query: its features weighed, its rows trusted more or less, its context described.

A small network gives each feature weights from its statistics: two in the space, and one where single features'
deviations are averaged. What a row of the context gets from the others there tells what is usual. Rows that are
themselves far from the others get less say, for they may be anomalies that nobody has noticed.
Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.columns import Columns
from export.meta.ops import Array, Ops
from export.meta.reference import Reference
from export.meta.space import Space, left_out, space
from export.meta.statistics import STATISTICS, statistics

WEIGHTS = 3  # of the squashed and of the rank features, and for averages
CONTEXT = 2 * STATISTICS + 2  # S


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of a reference that does not depend on the queries."""

    reference: Reference
    statistics: Array  # [N, T, F]
    hidden: Array  # [N, H, F], what the small network makes of them
    space: Space
    share: Array  # [N, F], each feature's weight where single features are averaged; sums to 1
    trust: Array  # [N, M], the rows' say where kernels are averaged; sums to 1
    doubt: Array  # [N, M], how far each row is from the others, 0 for the usual ones
    usual: Array  # [N, 1], mean of the widest kernel's detector over the rows
    spread: Array  # [N, 1], its standard deviation
    context: Array  # [N, S]


def prepare(ops: Ops, reference: Reference, columns: Columns) -> Prepared:
    """Weigh the features and calibrate the kernel detectors on the rows themselves."""
    seen = statistics(ops, reference, columns)
    hidden = _hidden(ops, seen, reference, columns)
    raw = ops.parameter("feature2") @ hidden + ops.parameter("feature2_bias")
    weights = ops.exp(ops.clip(raw, -8.0, 4.0)) * ops.unsqueeze(columns.used, 1)
    weighed = space(ops, ops.part(weights, 1, 0, 2), reference)
    share = ops.squeeze(ops.part(weights, 1, 2, 3), 1)
    rare = left_out(ops, weighed, reference)
    usual, spread = _spread(ops, rare, reference.share)
    doubt, trust = _trust(ops, rare, usual, spread, reference)
    usual, spread = _spread(ops, rare, trust)
    lifted = seen - ops.unsqueeze((1.0 - columns.used) * 10.0, 1)
    average = ops.total(seen) / columns.count
    parts = [average, ops.highest(lifted, 2), usual * 0.3, ops.log(spread)]
    return Prepared(
        reference=reference,
        statistics=seen,
        hidden=hidden,
        space=weighed,
        share=share / ops.unsqueeze(ops.total(share) + 1e-6, 1),
        trust=trust,
        doubt=doubt,
        usual=usual,
        spread=spread,
        context=ops.concat(parts, 1),
    )


def _hidden(ops: Ops, statistics: Array, reference: Reference, columns: Columns) -> Array:
    """[N, H, F]: each feature's statistics and histogram, seen beside the average of all features."""
    average = ops.total(statistics) / columns.count
    knots = reference.histogram.knots
    edges = ops.transpose(ops.sqrt(knots + 1e-4), (0, 2, 1)) * ops.unsqueeze(columns.used, 1)
    seen = ops.parameter("feature1") @ ops.concat([statistics, edges], 1)
    beside = average @ ops.parameter("feature1_all") + ops.parameter("feature1_bias")
    return ops.tanh(seen + ops.unsqueeze(beside, 2))


def _spread(ops: Ops, values: Array, share: Array) -> tuple[Array, Array]:
    """Mean and standard deviation [N, 1] of values [N, M] of the rows."""
    mean = ops.unsqueeze(ops.total(values * share), 1)
    apart = values - mean
    return mean, ops.sqrt(ops.unsqueeze(ops.total(apart * apart * share), 1) + 1e-4)


def _trust(
    ops: Ops, left_out: Array, usual: Array, spread: Array, reference: Reference
) -> tuple[Array, Array]:
    """How far each row is from the others [N, M], beyond what is usual, and the say that it keeps."""
    doubt = ops.relu(left_out - usual) * reference.keep
    first = ops.concat([usual, ops.log(spread)], 1)
    strict = ops.exp(ops.clip(first @ ops.parameter("doubt") + ops.parameter("doubt_bias"), -4.0, 2.0))
    say = reference.share * ops.exp(doubt * strict * -1.0)
    return doubt, say / ops.unsqueeze(ops.total(say) + 1e-9, 1)
