"""An event and the rows of a reference, put on a common robust scale.

The centre of a number column is one reweighting step from the mean towards the median, its scale the squared mean
root of the absolute deviations from it, which for normal data is their median, as in a MAD. A window borrows
SCALE_ROWS rows of the peers' scale, which is most of it while it is short.

Shapes: N events of the reference (B for windows, 1 for peers), M its rows (R or P), F columns.
"""

from dataclasses import dataclass

from onnx import TensorProto

from export.graph import Graph, Value

SCALE_ROWS = 4
UNVARIED = 8.0
FARTHEST = 1e15
LARGEST = 1e35
AWAY = 1e38


@dataclass(frozen=True, slots=True)
class Columns:
    """What the profile says about the columns."""

    each: Value  # [F, 1], all 1: a product with it sums over the columns
    number: Value  # [F], 1 for numbers, 0 for categories
    coded: Value  # bool [F], true for categories
    place: Value  # [C, F], where each of the C categories is
    sign: Value  # [F], -1 where low is strange, else 1: what is strange points upwards
    floor: Value  # [F], the least standing a query may take: 0 where only one side is strange, else very low


@dataclass(frozen=True, slots=True)
class Query:
    """The events, with missing values taken out."""

    raw: Value  # [B, F]
    missing: Value  # bool [B, F]
    value: Value  # [B, F], 0 where missing
    present: Value  # [B, F], 1 or 0


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows to compare with, on their own scale."""

    own: bool  # each event has its own (N = B), or all share one (N = 1)
    rows: Value  # [N, F, M], as they came
    keep: Value  # [N, M], 1 for a row that counts
    away: Value  # [N, M], 0 for a row that counts, else a squared distance beyond all others
    count: Value  # [N, 1]
    present: Value  # [N, F], how many rows have a value
    centre: Value  # [N, F]
    root: Value  # [N, F], square root of the scale
    limit: Value  # [N, F], the farthest standing: a column that never varies has no scale to tell far from farther
    gain: Value  # [N, F], 1 / scale with the column's sign; 0 for categories
    z: Value  # [N, F, M], the rows on their scale, 0 where missing or dropped


def read_columns(graph: Graph, category: Value, direction: Value) -> Columns:
    """What `category` [F] and `direction` [F] of the contract say."""
    one_sided = graph.op("Abs", direction)
    coded = graph.op("Cast", category, to=TensorProto.BOOL)
    square = graph.op("Shape", category)
    diagonal = graph.op("EyeLike", graph.op("ConstantOfShape", graph.op("Concat", square, square, axis=0)))
    return Columns(
        each=graph.unsqueeze(one_sided * 0.0 + 1.0, 1),
        number=1.0 - category,
        coded=coded,
        place=graph.op("Compress", diagonal, coded, axis=0),
        sign=1.0 - (one_sided - direction),
        floor=(one_sided - 1.0) * FARTHEST,
    )


def read_query(graph: Graph, raw: Value) -> Query:
    """The events `raw` [B, F], in which NaN is a missing value."""
    missing = graph.op("IsNaN", raw)
    value = graph.op("Clip", graph.op("Where", missing, 0.0, raw), -LARGEST, LARGEST)
    return Query(raw, missing, value, graph.cast(graph.op("Not", missing)))


def kept_rows(graph: Graph, mask: Value, label: Value) -> Value:
    """1 for rows that are present and not labelled as confirmed anomalies."""
    return mask * (1.0 - graph.op("Relu", label))


def scale_rows(
    graph: Graph, rows: Value, keep: Value, columns: Columns, prior: Reference | None
) -> Reference:
    """Put `rows` [N, F, M] on their robust scale, to which `prior` lends SCALE_ROWS rows."""
    dropped = graph.op("Equal", keep, 0.0)
    absent = graph.op("Or", graph.op("IsNaN", rows), graph.unsqueeze(dropped, 1))
    ok = graph.cast(graph.op("Not", absent))
    count, present = graph.sum(keep, 1), graph.sum(ok, 2, keepdims=0)
    divisor = graph.op("Max", present, 1.0)
    # 0 for NaN, at a seventh of the price of Where.
    value = graph.op("ThresholdedRelu", rows, alpha=float("-inf"))
    value = graph.op("Clip", value, -LARGEST, LARGEST)
    average = graph.squeeze(value @ graph.unsqueeze(keep, 2), 2) / divisor
    apart = (value - graph.unsqueeze(average, 2)) * ok
    distance = graph.op("Abs", apart)
    nearby = graph.sum(distance, 2, keepdims=0) / divisor * 0.3 + 1e-30
    weight = ok / (distance + graph.unsqueeze(nearby, 2))
    step = graph.sum(weight * apart, 2, keepdims=0) / (graph.sum(weight, 2, keepdims=0) + 1e-30)
    centred = (apart - graph.unsqueeze(step, 2)) * ok
    root = graph.sum(graph.op("Sqrt", graph.op("Abs", centred)), 2, keepdims=0)
    if prior is None:
        root = root / divisor
    else:
        borrowed = graph.op("Min", prior.count, float(SCALE_ROWS))
        root = (root + prior.root * borrowed) / graph.op("Max", present + borrowed, 1.0)
    scale, centre = root * root, average + step
    least = graph.op("Abs", centre) * 1e-5 + 1e-30
    limit = graph.op("Where", graph.op("LessOrEqual", scale, least), UNVARIED, FARTHEST)
    gain = columns.number * columns.sign / graph.op("Max", scale, least)
    z = centred * graph.unsqueeze(gain, 2)
    away = graph.op("Where", dropped, AWAY, 0.0)
    return Reference(prior is not None, rows, keep, away, count, present, centre, root, limit, gain, z)
