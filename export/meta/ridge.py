"""A classifier that is fitted inside the graph: kernel ridge regression of the labels on all rows of a reference.

A feature's kernel is 1 / (1 + distance), a mixture of exponentials exp(-t distance), each of which is what on average
the trees of a random forest share (Balog and others, UAI 2016, https://arxiv.org/abs/1606.05241); of a category it is
whether values are equal. One kernel is their mean over the features, another sees them act together. The weighted
least squares are solved by a fixed number of steps. Nothing here needs training, and hardly anything is trained.

Shapes as in `export.meta`.
"""

from dataclasses import dataclass

from export.meta.columns import Columns
from export.meta.ops import Array, Ops, exactly_weighted
from export.meta.query import EXCESS, Query
from export.meta.reference import Reference

STEPS = 16
RIDGES = (0.02, 0.072)  # first values: sharp, and for labels that contradict each other
SHARPER = 0.15  # first value: their logs fall by so much by the log of the number of confirmed rows
INTERPLAY = (8.0,)  # how steep the kernels are which see all features at once
FORMS = 1 + len(INTERPLAY)
CLASSIFIERS = FORMS * len(RIDGES)
HALF = 0.5  # distances go from minus to plus this: small numbers lose less to rounding
LEAST = 0.01  # of a row's distance from the others, so that rows which are all alike say nothing
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Fitted:
    """The classifiers of one reference: each of FORMS kernels with each of the RIDGES."""

    rows: Array  # [N, F, M], raw
    placed: tuple[Array, Array]  # [N, F, M], the rows' squashed and rank values
    usual: Array  # [N, 1, 1], the mean distance of the rows
    say: Array  # [N, FORMS, RIDGES, M], of each row; sums to 0
    start: Array  # [N, 1, FORMS * RIDGES], what is said where no row is near


def fit(ops: Ops, reference: Reference, columns: Columns, size: Array) -> Fitted:
    """Fit the classifiers to the labels; `size` [N, S] says how many there are.

    Anomalies and other rows weigh the same on the whole, and kernels are taken from their weighted mean.
    """
    anomalies = ops.relu(reference.label)
    others = reference.keep * (1.0 + ops.relu(0.0 - reference.label) * ops.exp(ops.parameter("label_trust")))
    anomalous, usual = (part / ops.unsqueeze(ops.total(part) + TINY, 1) for part in (anomalies, others))
    placed = _placed(ops, reference, columns)
    distances = _pairs(ops, reference, placed, columns)
    # Divided last: products with 1 lose nothing, and the order of the columns then makes less of a difference.
    used = ops.unsqueeze(columns.used + reference.missing * 0.0, 1)
    flat = used @ ops.reshape(distances, (0, 0, -1)) / ops.unsqueeze(columns.count, 2)
    one = ops.unsqueeze(anomalies, 2) * 0.0 + 1.0
    distance = ops.shaped_like(flat, one * ops.unsqueeze(anomalies, 1))
    share = anomalous + usual
    share = share / ops.unsqueeze(ops.total(share) + TINY, 1)
    typical = ops.unsqueeze(exactly_weighted(ops, distance, share), 1)
    base = ops.unsqueeze(exactly_weighted(ops, typical, share), 2)
    forms = _forms(ops, distance, base)
    mean = ops.squeeze(ops.exact_product(forms, ops.unsqueeze(ops.unsqueeze(share, 1), 3)), 3)
    middle = ops.unsqueeze(exactly_weighted(ops, mean, share), 2)
    kernels = ops.unsqueeze(mean, 3) + ops.unsqueeze(mean - middle, 2) - forms

    present = reference.keep + anomalies
    number = ops.unsqueeze(ops.total(present), 1)
    root = ops.sqrt(share * number + TINY) * present
    across = ops.unsqueeze(root, 1)
    size_of = ops.squeeze(ops.abs(kernels) @ ops.unsqueeze(across * across, 3), 3) * ops.unsqueeze(present, 1)
    least = ops.unsqueeze(number * LEAST + TINY, 2)
    bound = ops.unsqueeze(ops.unsqueeze(ops.highest(size_of, 2), 2) + least, 3)
    systems = kernels * ops.unsqueeze(across, 3) * ops.unsqueeze(across, 2)
    strength = ops.exp(size @ ops.parameter("label_ridge_size") + ops.parameter("label_ridge"))
    ridge = ops.unsqueeze(ops.folded(strength, FORMS), 3) * bound
    across = ops.unsqueeze(across, 2)
    target = anomalies * 2.0 - 1.0
    target = (target - ops.unsqueeze(ops.total(target * share), 1)) * root
    say = _solved(ops, systems, bound, ridge, ops.unsqueeze(ops.unsqueeze(target, 1), 1))
    say = say * across
    start = ops.squeeze(ops.exact_product(say, ops.unsqueeze(mean, 3)), 3)
    return Fitted(reference.rows, placed, base, say, ops.unsqueeze(ops.reshape(start, (0, -1)), 1))


def classify(ops: Ops, fitted: Fitted, query: Query, columns: Columns) -> Array:
    """[N, Q, CLASSIFIERS]: what each says about the queries, from about -1 for normal ones to 1."""
    apart = [
        ops.unsqueeze(value, 3) - ops.unsqueeze(rows, 1)
        for value, rows in zip((query.squashed, query.rank), fitted.placed, strict=True)
    ]
    number = ops.unsqueeze(ops.unsqueeze(columns.number, 1), 3)
    same = ops.equal(ops.unsqueeze(query.value, 3), ops.unsqueeze(fitted.rows, 1))
    distances = _unlikeness(ops, apart) + ops.relu(1.0 - same - number)
    known = ops.unsqueeze(ops.total(query.present) + TINY, 2)
    distance = ops.squeeze(ops.unsqueeze(query.present, 2) @ distances, 2) / known
    forms = _forms(ops, distance, fitted.usual)
    said = ops.exact_product(forms, ops.transpose(fitted.say * -1.0, (0, 1, 3, 2)))
    parts = [ops.squeeze(ops.part(said, 1, place, place + 1), 1) for place in range(FORMS)]
    return ops.concat(parts, 2) + fitted.start


def _placed(ops: Ops, reference: Reference, columns: Columns) -> tuple[Array, Array]:
    """The rows' squashed and rank values [N, F, M] with what exceeds the usual rows' range, as queries have it."""
    value = ops.clip(ops.filled(reference.rows), -1e37, 1e37)
    y = (
        (value - ops.unsqueeze(reference.centre, 2))
        * ops.unsqueeze(reference.gain, 2)
        * ops.known(reference.rows)
    )
    low = ops.maximum(columns.floor, 0.0 - reference.limit)
    y = ops.minimum(ops.maximum(y, ops.unsqueeze(low, 2)), ops.unsqueeze(reference.limit, 2))
    unit = ops.unsqueeze(ops.reciprocal(reference.spread), 2)
    above = ops.log(ops.relu(y - ops.unsqueeze(reference.top, 2)) * unit + 1.0)
    below = ops.log(ops.relu(ops.unsqueeze(reference.bottom, 2) - y) * unit + 1.0)
    beyond = above - below
    return reference.squashed + beyond * EXCESS, reference.rank + beyond


def _pairs(ops: Ops, reference: Reference, placed: tuple[Array, Array], columns: Columns) -> Array:
    """[N, F, M, M]: each feature's distance between the rows, from -HALF to HALF."""
    apart = [ops.unsqueeze(rows, 3) - ops.unsqueeze(rows, 2) for rows in placed]
    same = ops.equal(ops.unsqueeze(reference.rows, 3), ops.unsqueeze(reference.rows, 2))
    number = ops.unsqueeze(ops.unsqueeze(columns.number, 2), 3)
    return _unlikeness(ops, apart) + ops.relu(1.0 - same - number)


def _unlikeness(ops: Ops, apart: list[Array]) -> Array:
    """From -HALF to HALF, of the differences between squashed and between rank values; -HALF for categories."""
    parts = []
    for one, name in zip(apart, ("label_steep", "label_steep_rank"), strict=True):
        far = ops.abs(one) * ops.exp(ops.parameter(name))
        parts.append((far - 1.0) / (far + 1.0))
    return (parts[0] + parts[1]) * (HALF * 0.5)


def _forms(ops: Ops, distance: Array, usual: Array) -> Array:
    """[N, FORMS, *, M]: the distance [N, *, M] less what is `usual` [N, 1, 1], a sum over features, and where they act
    together, s d / (s d + 1) less the same of what is usual, written so that little is lost to rounding."""
    apart = distance - usual
    together = [apart * s / (((distance + HALF) * s + 1.0) * ((usual + HALF) * s + 1.0)) for s in INTERPLAY]
    return ops.concat([ops.unsqueeze(form, 1) for form in (apart, *together)], 1)


def _solved(ops: Ops, systems: Array, highest: Array, ridge: Array, targets: Array) -> Array:
    """[N, FORMS, RIDGES, M]: nearly the x of (systems + ridge) x = targets.

    systems are [N, FORMS, M, M] with eigenvalues from 0 to `highest` [N, FORMS, 1, 1]; ridge is [N, FORMS, RIDGES, 1],
    targets [N, 1, 1, M]. STEPS of Chebyshev's iteration (Golub and Varga, 1961). Its coefficients hang on the bounds
    alone, so unlike conjugate gradients it doesn't magnify what rounding does to the systems.
    """
    middle, extent = ridge + highest * 0.5, highest * 0.5

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        x, rest, way, ratio = state
        x = x + way
        rest = rest - (ops.exact_product(way, systems) + way * ridge)
        now = ops.reciprocal(middle / extent * 2.0 - ratio)
        return x, rest, way * (now * ratio) + rest * (now / extent * 2.0), now

    rest = targets + ridge * 0.0
    return ops.repeated(step, (rest * 0.0, rest, rest / middle, extent / middle), STEPS)[0]
