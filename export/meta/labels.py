"""What rows with verdicts say about a query: kernels at them, cosines to them, and each feature's likeness.

The result is a change of the score that is exactly 0 where a reference has no verdicts. Shapes as in `features`.
"""

from export.meta.detectors import RUNGS, Detected, Prepared
from export.meta.features import Columns, Query, at_knots
from export.meta.ops import Array, Ops, stacked_queries, weighted

EVIDENCE = 3 * RUNGS + 4
LABEL_CELLS = 13
POOLED_LABEL_CELLS = 6
LEAST = 0.01
LEAST_DENSITY = 0.03


def label_change(
    ops: Ops, prepared: Prepared, detected: Detected, query: Query, columns: Columns, zero_shot: Array
) -> Array:
    """[N, Q]: how much the verdicts in the reference change the `zero_shot` score [N, Q]."""

    def change() -> Array:
        return ops.squeeze(_change(ops, prepared, detected, query, columns, ops.unsqueeze(zero_shot, 2)), 2)

    return ops.where_any(ops.abs(prepared.reference.label), change, zero_shot * 0.0)


def _change(
    ops: Ops, prepared: Prepared, detected: Detected, query: Query, columns: Columns, zero_shot: Array
) -> Array:
    label = prepared.reference.label
    anomalies, normals = ops.relu(label), ops.relu(0.0 - label)
    known = ops.unsqueeze(ops.sum(anomalies, 1), 1)
    cleared = ops.unsqueeze(ops.sum(normals, 1), 1)
    share, normal_share = anomalies / ops.maximum(known, 1.0), normals / ops.maximum(cleared, 1.0)
    evidence, acquittal = _kernel_evidence(ops, prepared, detected, share, normal_share)
    cosines = _cosines(ops, prepared, detected, anomalies, share)
    likely, ratio = _density(ops, prepared, query, share)
    average = ops.unsqueeze(ops.total(ratio) / columns.count, 2)
    evidence = ops.concat([*evidence, *cosines, average, zero_shot * 0.3], 2)
    evidence = evidence / ops.sqrt(ops.abs(evidence) * 0.25 + 1.0)
    size = ops.log(ops.maximum(known, 1.0))
    joined = ops.concat([evidence, _cells(ops, prepared, query, columns, [likely, ratio], share, size)], 2)
    bias = prepared.context @ ops.parameter("label_context") + size @ ops.parameter("label_size")
    bias = ops.unsqueeze(bias + ops.parameter("label1_bias"), 1)
    hidden = ops.relu(joined @ ops.parameter("label1") + bias)
    change = hidden @ ops.parameter("label2") + joined @ ops.parameter("label_plain")
    relief = ops.relu(ops.concat(acquittal, 2)) @ ops.positive("acquittal")
    here, heard = ops.minimum(known, 1.0), ops.minimum(cleared, 1.0)
    return change * ops.unsqueeze(here, 2) - relief * ops.unsqueeze(heard, 2)


def _kernel_evidence(
    ops: Ops, prepared: Prepared, detected: Detected, share: Array, normal_share: Array
) -> tuple[list[Array], list[Array]]:
    """Log kernel means at the anomalies [N, Q, 1], plain and beside those at all rows and at the confirmed
    normals; and how much nearer a query is to the confirmed normals than to the rows at large."""
    evidence, acquittal = [], []
    half = ops.unsqueeze(ops.reciprocal(prepared.reference.count) * 0.05, 2)
    for kernel in detected.nearness:
        anomalous = ops.log(kernel @ ops.unsqueeze(share, 2) + LEAST)
        usual = ops.log(kernel @ ops.unsqueeze(prepared.reference.share, 2) + half)
        cleared = ops.log(kernel @ ops.unsqueeze(normal_share, 2) + LEAST)
        evidence += [anomalous - usual, anomalous, anomalous - cleared]
        acquittal.append(cleared - usual)
    return evidence, acquittal


def _cosines(ops: Ops, prepared: Prepared, detected: Detected, anomalies: Array, share: Array) -> list[Array]:
    """Cosines [N, Q, 1] of the query with the anomaly nearest in angle and with their mean."""
    space, point = prepared.space, detected.point
    own = ops.unsqueeze(ops.total(point * point) + 1e-4, 2)
    cosine = point @ space.rows / ops.sqrt(own * ops.unsqueeze(space.norm + 1e-4, 1))
    elsewhere = ops.unsqueeze((1.0 - anomalies) * 2.0, 1)
    nearest = ops.unsqueeze(ops.maximum(ops.highest(cosine - elsewhere, 2), -1.0), 2)
    mean = weighted(ops, space.rows, share)
    length = ops.unsqueeze(ops.unsqueeze(ops.total(mean * mean) + 1e-4, 1), 2)
    return [nearest, point @ ops.unsqueeze(mean, 2) / ops.sqrt(own * length)]


def _density(ops: Ops, prepared: Prepared, query: Query, share: Array) -> tuple[Array, Array]:
    """For each feature [N, Q, F], log of how often the anomalies have values like the query's, plain and beside how
    often all rows have them; by the bins of the histogram."""
    reference = prepared.reference
    filled = ops.squeeze(reference.bins @ ops.unsqueeze(ops.unsqueeze(share, 1), 3), 3)
    here = at_knots(ops, query.bins, 3)
    anomalous, usual = (
        ops.log(ops.total(here * ops.unsqueeze(knots, 1)) + LEAST_DENSITY)
        for knots in (at_knots(ops, filled, 2), reference.knots)
    )
    return anomalous * query.present, (anomalous - usual) * query.present


def _cells(
    ops: Ops,
    prepared: Prepared,
    query: Query,
    columns: Columns,
    density: list[Array],
    share: Array,
    size: Array,
) -> Array:
    """Each feature's likeness to the anomalies, through a small network and pooled [N, Q, pooled]."""
    reference, present = prepared.reference, query.present
    cells = [*density]
    for rows, value in ((reference.squashed, query.squashed), (reference.rank, query.rank)):
        mean = ops.unsqueeze(weighted(ops, rows, share), 1)
        extent = ops.unsqueeze(weighted(ops, ops.abs(rows), share), 1)
        square = ops.unsqueeze(weighted(ops, rows * rows, share), 1)
        apart = ops.sqrt(ops.relu(square - mean * mean) + 1e-4)
        cells += [mean * value * 0.5, ops.abs(value - mean), extent + value * 0.0, value, apart + value * 0.0]
    cells.append(ops.squeeze(query.same @ ops.unsqueeze(ops.unsqueeze(share, 1), 3), 3))
    token = ops.parameter("label_cell_token") @ prepared.statistics + ops.parameter("label_cell1_bias")
    token = token + ops.unsqueeze(size @ ops.parameter("label_cell_size"), 2)
    hidden = ops.parameter("label_cell1") @ stacked_queries(ops, [cell * present for cell in cells])
    hidden = ops.relu(hidden + ops.unsqueeze(token, 1))
    hidden = ops.relu(ops.parameter("label_cell2") @ hidden + ops.parameter("label_cell2_bias"))
    hidden = hidden * ops.unsqueeze(present, 2)
    average = ops.total(hidden) / ops.unsqueeze(columns.count, 1)
    return ops.concat([average, ops.highest(hidden, 3)], 2)
