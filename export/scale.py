"""An event and the rows of a reference, put on a common robust scale.

The centre of a number column is one reweighting step from the mean towards the median, its scale the squared mean
root of the absolute deviations from it, which for normal data is their median, as in a MAD. A window borrows
SCALE_ROWS rows of the peers' scale, which is most of it while it is short.

Shapes: N events of the reference (B for windows, 1 for peers), M its rows (R or P), F columns. What the scale says of
a column is [N, F, 1] throughout, so that no node is spent on putting axes in and taking them out, and its constants
are [F, 1]: broadcasting a single number over a last axis of 1 is slow in ONNX Runtime.
"""

from dataclasses import dataclass

from onnx import TensorProto

from export.graph import Graph, Value

SCALE_ROWS = 4
UNVARIED = 8.0
FARTHEST = 1e15
LARGEST = 1e35
AWAY = 1e38
FEWEST = 8  # peers: there are empty ones where there are fewer, so that always as many can be chosen


@dataclass(frozen=True, slots=True)
class Columns:
    """What the profile says about the columns."""

    each: Value  # [F, 1], all 1: a product with it sums over the columns
    coded: Value  # bool [F], true for categories
    place: Value  # [C, F], where each of the C categories is
    sign: Value  # [F, 1], -1 where low is strange, else 1: what is strange points upwards; 0 for categories
    low: Value  # [F, 1], the least standing of an event, in limits: 0 where only one side is strange, else -1
    expanded: Value  # int64 [3], the shape (1, F, 1)


@dataclass(frozen=True, slots=True)
class Query:
    """The events, with missing values taken out."""

    raw: Value  # [B, F]
    known: Value  # bool [B, F]
    present: Value  # [B, F], 1 or 0
    value: Value  # [B, F, 1], 0 where missing


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows to compare with, on their own scale. M' is M, or FEWEST if the peers are fewer."""

    rows: Value  # [N, F, M], as they came
    kept: Value  # bool [N, 1, M], whether a row counts
    keep: Value  # [N, 1, M], the same as 1 or 0
    away: Value  # [N, 1, M'], 0 for a row that counts, else a squared distance beyond all others
    count: Value  # [N, 1]
    present: Value  # [N, F], how many rows have a value
    centre: Value  # [N, F, 1]
    root: Value  # [N, F, 1], square root of the scale
    limit: Value  # [N, F, 1], the farthest standing: a column that never varies can't tell far from farther
    gain: Value  # [N, F, 1], 1 / scale with the column's sign; 0 for categories
    z: Value  # [N, F, M'], the rows on their scale, 0 where missing or dropped


def read_columns(graph: Graph, category: Value, direction: Value) -> Columns:
    """What `category` [F] and `direction` [F] of the contract say."""
    one_sided = graph.op("Abs", direction)
    coded = graph.op("Cast", category, to=TensorProto.BOOL)
    square = graph.op("Shape", category)
    diagonal = graph.op("EyeLike", graph.op("ConstantOfShape", graph.op("Concat", square, square, axis=0)))
    each = one_sided * 0.0 + 1.0
    return Columns(
        each=graph.unsqueeze(each, 1),
        coded=coded,
        place=graph.op("Compress", diagonal, coded, axis=0),
        sign=graph.unsqueeze((1.0 - category) * (1.0 - (one_sided - direction)), 1),
        low=graph.unsqueeze(one_sided - 1.0, 1),
        expanded=graph.op("Concat", [1], square, [1], axis=0),
    )


def read_query(graph: Graph, query: Value) -> Query:
    """The events `query` [B, F], in which NaN is a missing value."""
    known = graph.op("Equal", query, query)
    return Query(query, known, graph.cast(known), graph.unsqueeze(_without_nan(graph, query), 2))


def kept_rows(graph: Graph, mask: Value, label: Value) -> Value:
    """Whether rows are present and not labelled as confirmed anomalies: bool, of the inputs' shape."""
    return graph.op("Greater", mask, graph.op("Relu", label))


def scale_rows(
    graph: Graph, rows: Value, kept: Value, columns: Columns, prior: Reference | None
) -> Reference:
    """Put `rows` [N, F, M] on their robust scale, to which `prior` lends SCALE_ROWS rows."""
    keep = graph.cast(kept)
    count = graph.sum(keep, 2, keepdims=0)
    ok = graph.cast(graph.op("And", graph.op("Equal", rows, rows), kept))
    present = graph.sum(ok, 2)
    divisor = graph.op("Max", present, columns.each)
    value = graph.op("Clip", _without_nan(graph, rows), -LARGEST, LARGEST)
    average = graph.sum(value * ok, 2) / divisor
    apart = (value - average) * ok
    distance = graph.op("Abs", apart)
    tiny = columns.each * 1e-30
    nearby = graph.sum(distance, 2) / divisor * (columns.each * 0.3) + tiny
    weight = ok / (distance + nearby)
    step = graph.sum(weight * apart, 2) / (graph.sum(weight, 2) + tiny)
    centred = (apart - step) * ok
    root = graph.sum(graph.op("Sqrt", graph.op("Abs", centred)), 2)
    if prior is None:
        root = root / divisor
    else:
        borrowed = graph.op("Min", prior.count, float(SCALE_ROWS))
        root = (root + prior.root * borrowed) / (present + columns.each * (borrowed + 1e-30))
    scale, centre = root * root, average + step
    enough = graph.op("Max", scale, graph.op("Abs", centre) * (columns.each * 1e-5), tiny)
    limit = graph.op(
        "Where", graph.op("Less", scale, enough), columns.each * UNVARIED, columns.each * FARTHEST
    )
    gain = columns.sign / enough
    z, away = centred * gain, graph.op("Where", kept, 0.0, AWAY)
    if prior is None:
        z, away = _filled(graph, z, 0.0), _filled(graph, away, AWAY)
    present = graph.squeeze(present, 2)
    return Reference(rows, kept, keep, away, count, present, centre, root, limit, gain, z)


def standing(graph: Graph, query: Query, reference: Reference, columns: Columns) -> Value:
    """Where the events stand [B, F, 1] on the scale of `reference`."""
    place = (query.value - reference.centre) * reference.gain
    return graph.op("Min", graph.op("Max", place, reference.limit * columns.low), reference.limit)


def _filled(graph: Graph, value: Value, filling: float) -> Value:
    """`value` [1, ., P] with at least FEWEST entries along its last axis."""
    lacking = graph.op("Relu", float(FEWEST) - graph.cast(graph.op("Shape", value, start=2)))
    pads = graph.op("Concat", [0, 0, 0, 0, 0], graph.op("Cast", lacking, to=TensorProto.INT64), axis=0)
    return graph.op("Pad", value, pads, filling)


def _without_nan(graph: Graph, value: Value) -> Value:
    """0 for NaN, at a seventh of the price of Where."""
    return graph.op("ThresholdedRelu", value, alpha=float("-inf"))
