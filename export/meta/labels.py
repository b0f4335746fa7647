"""What rows with verdicts say about a query: classifiers fitted to them, kernels at them, cosines to them, densities.

How much each is trusted hangs on the numbers of verdicts alone; a network with more to see did worse on other sets.

The result is a change of the score that is exactly 0 where a reference has no verdicts. Shapes as in `export.meta`.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from export.meta.columns import Columns
from export.meta.detectors import Detected
from export.meta.histogram import at_knots, filled
from export.meta.ops import Array, Ops, weighted
from export.meta.prepared import Prepared
from export.meta.query import Query
from export.meta.ridge import CLASSIFIERS, classify, fit
from export.meta.space import RUNGS

EVIDENCE = CLASSIFIERS + 3 * RUNGS + 4
LEAST = 0.01
LEAST_DENSITY = 0.03
Fields = TypeVar("Fields", bound=Prepared | Detected | Query)


def label_change(
    ops: Ops, prepared: Prepared, detected: Detected, query: Query, columns: Columns, zero_shot: Array
) -> Array:
    """[N, Q]: how much the verdicts in the reference change the `zero_shot` score [N, Q]."""
    flag = ops.abs(prepared.reference.label)

    def change() -> Array:
        """Worked out for the references that have verdicts, so others cost nothing."""
        kept, put_back = ops.chosen(flag)
        changed = _change(
            ops,
            _kept_fields(kept, prepared),
            _kept_fields(kept, detected),
            _kept_fields(kept, query),
            columns,
            ops.unsqueeze(kept(zero_shot), 2),
        )
        return put_back(ops.squeeze(changed, 2), zero_shot)

    return ops.where_any(flag, change, zero_shot * 0.0)


def _kept_fields(kept: Callable[[Array], Array], value: Fields) -> Fields:
    """The same dataclass with every array of it, also in its parts, run through `kept`."""
    changes: dict[str, Any] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if is_dataclass(part):
            changes[field.name] = _kept_fields(kept, cast(Fields, part))
        else:
            changes[field.name] = tuple(map(kept, part)) if isinstance(part, tuple) else kept(part)
    return replace(value, **changes)


def _change(
    ops: Ops, prepared: Prepared, detected: Detected, query: Query, columns: Columns, zero_shot: Array
) -> Array:
    label = prepared.reference.label
    anomalies, normals = ops.relu(label), ops.relu(0.0 - label)
    known = ops.unsqueeze(ops.sum(anomalies, 1), 1)
    cleared = ops.unsqueeze(ops.sum(normals, 1), 1)
    share, normal_share = anomalies / ops.maximum(known, 1.0), normals / ops.maximum(cleared, 1.0)
    size = ops.concat([ops.log(ops.maximum(known, 1.0)), ops.log(cleared + 1.0)], 1)
    fitted = fit(ops, prepared.reference, columns, size)
    said = classify(ops, fitted, query, columns) * 4.0
    evidence, acquittal = _kernel_evidence(ops, prepared, detected, share, normal_share)
    cosines = _cosines(ops, prepared, detected, anomalies, share)
    ratio = _density(ops, prepared, query, share)
    average = ops.unsqueeze(ops.total(ratio) / columns.count, 2)
    evidence = ops.concat([said, *evidence, *cosines, average, zero_shot * 0.3], 2)
    evidence = evidence / ops.sqrt(ops.abs(evidence) * 0.25 + 1.0)
    trust = size @ ops.parameter("label_plain_size") + ops.parameter("label_plain")
    change = evidence @ ops.unsqueeze(trust, 2)
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


def _density(ops: Ops, prepared: Prepared, query: Query, share: Array) -> Array:
    """For each feature [N, Q, F], log of how often the anomalies have values like the query's beside how often all
    rows have them; by the bins of the histogram."""
    reference = prepared.reference
    at_anomalies = at_knots(ops, filled(ops, reference.histogram.bins, share), 2)
    here = at_knots(ops, query.bins, 3)
    anomalous, usual = (
        ops.log(ops.total(here * ops.unsqueeze(knots, 1)) + LEAST_DENSITY)
        for knots in (at_anomalies, reference.histogram.knots)
    )
    return (anomalous - usual) * query.present
