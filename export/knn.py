"""The k-nearest-neighbour scorer as an ONNX graph: the baseline, built without any training.

An event is compared with two references, the rows of its own window and the peers. In each:

1. Number columns are put on a robust scale (`export/scale.py`).
2. Strangeness is the mean distance to the NEIGHBOURS nearest rows, all of them where there are fewer. The distance
   is sqrt(d**2 + BANDWIDTH), d the Euclidean one. It rises along every ray, without bound.
3. It is divided by the mean distance of ANCHORS rows of the reference to their own NEIGHBOURS nearest, themselves
   left out. The anchors are the rows whose distance from the centre is nearest to the average one. One more pair,
   at distance 1, is presumed: it is all there is where the reference has a single row.
4. Categories, missing values and columns that never change are counted: a value that fewer than NEIGHBOURS
   rows share is a surprise, the greater the more rows there are.

The two are averaged, the window with the weight of its rows, the peers with at most PEER_ROWS. Rows labelled as
confirmed anomalies are left out of both.

Sums over columns, peers and neighbours are of whole numbers, or matrix products: a reduction along an odd length
starts its vector loop where memory is aligned, and gives an event other last bits in another place of the batch.

Shapes: N events of the reference (B for windows, 1 for peers), M its rows (R or P), F columns.
"""

from math import sqrt

import numpy as np
import onnx

from export.graph import Graph, Value
from export.scale import (
    AWAY,
    SCALE_ROWS,
    UNVARIED,
    Columns,
    Query,
    Reference,
    kept_rows,
    read_columns,
    read_query,
    scale_rows,
)
from stream.artifact import INPUTS

NEIGHBOURS = 5
ANCHORS = 2
PEER_ROWS = 8
BANDWIDTH = 0.5
SURPRISE = 0.25
RECIPE = {
    "kind": "nearest neighbours",
    "neighbours": NEIGHBOURS,
    "anchors": ANCHORS,
    "peer_rows": PEER_ROWS,
    "scale_rows": SCALE_ROWS,
    "bandwidth": BANDWIDTH,
    "surprise": SURPRISE,
    "unvaried": UNVARIED,
}
SOURCES: tuple[str, ...] = ()


def build() -> onnx.ModelProto:
    """The graph, following version 1 of the model contract."""
    graph = Graph("knn")
    x = {name: graph.input(name, axes) for name, axes in INPUTS.items()}
    columns = read_columns(graph, x["category"], x["direction"])
    query = read_query(graph, x["query"])
    kept = graph.unsqueeze(kept_rows(graph, x["peers_mask"], x["peers_label"]), 0)
    rows = graph.unsqueeze(graph.op("Transpose", x["peers"], perm=[1, 0]), 0)
    peers = scale_rows(graph, rows, kept, columns, None)
    rows = graph.op("Transpose", x["window"], perm=[0, 2, 1])
    window = scale_rows(graph, rows, kept_rows(graph, x["window_mask"], x["window_label"]), columns, peers)
    own, own_share = _strangeness(graph, query, window, columns)
    other, other_share = _strangeness(graph, query, peers, columns)
    weight = graph.op("Min", peers.count, float(PEER_ROWS))
    total = window.count + weight
    nothing = graph.cast(graph.op("Equal", total, 0.0))
    strange = (own * window.count + other * weight + nothing) / (total + nothing)
    root = graph.op("Sqrt", graph.op("Sqrt", strange))
    graph.output("score", graph.squeeze(1.0 - 1.0 / (root + 1.0), 1), "B")
    share = own_share * window.count + other_share * weight
    share = share + (share @ columns.each * 1e-6 + 1e-30)
    graph.output("attribution", share / (share @ columns.each), "BF")
    return graph.model()


def _strangeness(graph: Graph, query: Query, reference: Reference, columns: Columns) -> tuple[Value, Value]:
    """How strange each event is here [B, 1], about 1 for a usual one, and each column's part of it [B, F]."""
    standing = (query.value - reference.centre) * reference.gain
    low = graph.op("Max", columns.floor, 0.0 - reference.limit)
    standing = graph.op("Min", graph.op("Max", standing, low), reference.limit)
    apart = graph.unsqueeze(standing, 2) - reference.z
    square = apart * apart
    distance = graph.squeeze(graph.unsqueeze(query.present, 1) @ square, 1) + reference.away
    nearest, _ = graph.smallest(distance, _at_most(graph, reference, NEIGHBOURS))
    neighbours = graph.op("Clip", reference.count, 1.0, float(NEIGHBOURS))
    far = _total(graph, nearest) / neighbours / _typical(graph, reference)
    surprise = _surprise(graph, query, reference, columns)
    near = graph.cast(graph.op("LessOrEqual", distance, graph.op("ReduceMax", nearest, [1])))
    share = near * reference.keep / graph.op("Sqrt", distance + BANDWIDTH)
    part = graph.squeeze(square @ graph.unsqueeze(share, 2), 2) * query.present
    part = part / (part @ columns.each + 1e-30) * far + surprise
    return far + surprise @ columns.each, part


def _typical(graph: Graph, reference: Reference) -> Value:
    """The mean distance [N, 1] of the anchors to their nearest neighbours, themselves left out."""
    z, count = reference.z, reference.count
    norm = graph.sum(z * z, 1, keepdims=0)
    radius = graph.op("Sqrt", norm)
    average = graph.sum(radius, 1) / graph.op("Max", count, 1.0)
    number = _at_most(graph, reference, ANCHORS)
    _, anchors = graph.smallest(graph.op("Abs", radius - average) + reference.away, number)
    shape = graph.op("Concat", graph.op("Shape", z, start=0, end=2), number, axis=0)
    point = graph.op("GatherElements", z, graph.op("Expand", graph.unsqueeze(anchors, 1), shape), axis=2)
    cross = graph.op("Transpose", point * -2.0, perm=[0, 2, 1]) @ z
    norm = norm + reference.away
    least, _ = graph.smallest(cross + graph.unsqueeze(norm, 1), _at_most(graph, reference, NEIGHBOURS + 1))
    own = graph.unsqueeze(graph.op("GatherElements", norm, anchors, axis=1), 2)
    total = graph.sum(_total(graph, graph.op("Relu", least + own)), 1, keepdims=0)
    present = graph.op("Min", count, float(ANCHORS))
    pairs = present * graph.op("Clip", count - 1.0, 0.0, float(NEIGHBOURS))
    return (total - (present * sqrt(BANDWIDTH) - 1.0)) / (pairs + 1.0)


def _at_most(graph: Graph, reference: Reference, number: int) -> Value:
    """`number`, or that of the rows if they are fewer [1]."""
    return graph.op("Min", graph.op("Shape", reference.keep, start=1), [number])


def _total(graph: Graph, square: Value) -> Value:
    """The sum [..., 1] of the distances with these squares [..., k], in which rows that are AWAY count as 0."""
    counts = graph.op("Less", square, AWAY / 2)
    distance = graph.op("Where", counts, graph.op("Sqrt", square + BANDWIDTH), 0.0)
    ones = graph.constant(np.ones((NEIGHBOURS + 1, 1)))
    return distance @ graph.op("Slice", ones, [0], graph.op("Shape", square, start=-1))


def _surprise(graph: Graph, query: Query, reference: Reference, columns: Columns) -> Value:
    """How rare [B, F] the value of a category is here, or a value's being missing (or not)."""
    count, keep = reference.count, reference.keep
    enough = graph.op("Clip", count, 1.0, float(NEIGHBOURS))
    alike = graph.op("Where", query.missing, count - reference.present, reference.present)
    rare = graph.op("Relu", 1.0 - alike / enough) * ((count - alike) / (alike + 2.0))
    rows = graph.op("Compress", reference.rows, columns.coded, axis=1)
    code = graph.unsqueeze(graph.op("Compress", query.raw, columns.coded, axis=1), 2)
    equal = graph.sum(graph.cast(graph.op("Equal", rows, code)) * graph.unsqueeze(keep, 1), 2, keepdims=0)
    present = graph.op("Compress", query.present, columns.coded, axis=1)
    new = graph.op("Relu", 1.0 - equal / enough) * present
    new = new * _steadiness(graph, rows, reference, new)
    return (rare + new @ columns.place) * SURPRISE


def _steadiness(graph: Graph, rows: Value, reference: Reference, new: Value) -> Value:
    """For `rows` [N, C, M] of categories how seldom [N, C] their values are new among themselves.

    Only worked out where some event's value is `new` [B, C]: comparing all pairs of rows is the dearest step.
    """
    shape = graph.op("Shape", rows, start=0, end=2)
    asked = new if reference.own else graph.op("ReduceMax", new, [0])
    pairs = graph.op("Transpose", graph.op("NonZero", asked), perm=[1, 0])
    at = graph.squeeze(graph.op("Slice", pairs, [0], [1], [1]), 1)
    row = graph.op("GatherND", rows, pairs)
    keep = graph.op("Gather", reference.keep, at, axis=0)
    count = graph.op("Gather", reference.count, at, axis=0)
    equal = graph.cast(graph.op("Equal", graph.unsqueeze(row, 2), graph.unsqueeze(row, 1)))
    others = graph.squeeze(equal @ graph.unsqueeze(keep, 2), 2) - 1.0
    enough = graph.op("Clip", count - 1.0, 1.0, float(NEIGHBOURS))
    lacking = graph.op("Min", graph.op("Relu", enough - others), enough)
    fresh = graph.sum(lacking * keep, 1) / enough
    steady = graph.squeeze((count - fresh) / (fresh + 2.0), 1)
    return graph.op("ScatterND", graph.op("ConstantOfShape", shape), pairs, steady)
