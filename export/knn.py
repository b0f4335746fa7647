"""The k-nearest-neighbour scorer as an ONNX graph: the baseline, built without any training.

An event is compared with two references, the rows of its own window and the peers. In each:

1. Number columns are put on a robust scale (`export/scale.py`).
2. Strangeness is the mean distance to the NEIGHBOURS nearest rows, all of them where there are fewer. The distance
   is sqrt(d**2 + BANDWIDTH), d the Euclidean one. It rises along every ray, without bound.
3. It is divided by the mean distance of ANCHORS rows of the reference to their own NEIGHBOURS nearest, themselves
   left out. The anchors are the rows whose distance from the centre is nearest to the average one. One more pair,
   at distance 1, is presumed: it is all there is where the reference has a single row.
4. Rare categories and values that are missing (or not) are a surprise on top (`export/surprise.py`).

The two are averaged, the window with the weight of its rows, the peers with at most PEER_ROWS. Rows labelled as
confirmed anomalies are left out of both.

Sums over columns, peers and neighbours are of whole numbers, or matrix products: a reduction along an odd length
starts its vector loop where memory is aligned, and gives an event other last bits in another place of the batch.

A call with few events costs by the node, some 0.5 us each, so nodes are few: what the window's query and anchors
do is done in one tensor where it can be, and what hangs on the peers alone is kept out of what hangs on events.

Shapes: N events of the reference (B for windows, 1 for peers), M its rows (R or P), F columns.
"""

from dataclasses import dataclass

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
    standing,
)
from export.surprise import NEIGHBOURS, SURPRISE, surprises
from stream.artifact import INPUTS

ANCHORS = 2
PEER_ROWS = 8
BANDWIDTH = 0.5
NOTHING = 1e-30
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
FIRST = np.arange(NEIGHBOURS + 1) < NEIGHBOURS  # of a point's least distances those to its neighbours,
OTHER = np.arange(NEIGHBOURS + 1) > 0  # or, as it is a row itself, to others


@dataclass(frozen=True, slots=True)
class Near:
    """The events beside the rows of one reference."""

    square: Value  # [B, F, M'], the squared differences
    distance: Value  # [B, 1, M'], their sums over the columns, and AWAY where a row doesn't count
    least: Value  # [B, 1, at least NEIGHBOURS], the smallest in rising order


@dataclass(frozen=True, slots=True)
class Far:
    """How far [B, 1] the events are from a reference, about 1 for a usual one, times the reference's weight."""

    near: Near
    far: Value


def build() -> onnx.ModelProto:
    """The graph, following version 1 of the model contract."""
    graph = Graph("knn")
    x = {name: graph.input(name, axes) for name, axes in INPUTS.items()}
    columns = read_columns(graph, x["category"], x["direction"])
    query = read_query(graph, x["query"])
    kept = graph.op("Unsqueeze", kept_rows(graph, x["peers_mask"], x["peers_label"]), [0, 1])
    rows = graph.unsqueeze(graph.op("Transpose", x["peers"], perm=[1, 0]), 0)
    peers = scale_rows(graph, rows, kept, columns, None)
    kept = graph.unsqueeze(kept_rows(graph, x["window_mask"], x["window_label"]), 1)
    rows = graph.op("Transpose", x["window"], perm=[0, 2, 1])
    window = scale_rows(graph, rows, kept, columns, peers)
    weight = graph.op("Min", peers.count, float(PEER_ROWS))
    surprise = surprises(graph, query, window, peers, weight, columns)
    own, other = _distances(graph, query, window, peers, weight, columns)
    # What is presumed of no rows at all: a strangeness of 1, of no weight beside that of a single row.
    total = window.count + (weight + NOTHING)
    strange = (own.far + (other.far + (surprise @ columns.each + NOTHING))) / total
    root = graph.op("Sqrt", graph.op("Sqrt", strange))
    graph.output("score", graph.squeeze(1.0 - 1.0 / (root + 1.0), 1), "B")
    share = _part(graph, own, query, columns) + _part(graph, other, query, columns) + surprise
    share = share + (share @ columns.each * 1e-6 + NOTHING)
    graph.output("attribution", share / (share @ columns.each), "BF")
    return graph.model()


def _distances(
    graph: Graph, query: Query, window: Reference, peers: Reference, weight: Value, columns: Columns
) -> tuple[Far, Far]:
    """How far the events are from their windows and from the peers."""
    own, least = _near(graph, query, window, columns, _between_rows(graph, window, columns), NEIGHBOURS + 1)
    other, least_other = _near(graph, query, peers, columns, None, NEIGHBOURS)
    length, counted = _lengths(graph, graph.op("Concat", least, least_other, axis=2))
    zero = 0 * FIRST
    none = zero[:-1]
    anchors = graph.constant(_column(zero, *[OTHER] * ANCHORS, none))
    total = length @ graph.constant(_column(FIRST, *[zero] * ANCHORS, none))
    # The mean over the neighbours, by the typical mean, times the rows: with rows / neighbours being at least 1.
    each = graph.op("Max", window.count * (1 / NEIGHBOURS), 1.0)
    far = total * each * ((counted @ anchors + 1.0) / (length @ anchors + 1.0))
    neighbours = graph.op("Clip", peers.count, 1.0, float(NEIGHBOURS))
    factor = weight / neighbours / _typical(graph, peers, columns)
    ones = graph.constant(_column(zero, *[zero] * ANCHORS, FIRST[:-1]))
    return Far(own, far), Far(other, length @ (ones * factor))


def _typical(graph: Graph, reference: Reference, columns: Columns) -> Value:
    """The mean distance [N, 1] of the anchors to their nearest neighbours, with the presumed pair."""
    distance = _between_rows(graph, reference, columns) + reference.away
    least, _ = graph.smallest(distance, graph.constant([NEIGHBOURS + 1]))
    length, counted = _lengths(graph, least)
    anchors = graph.constant(_column(*[OTHER] * ANCHORS))
    return (length @ anchors + 1.0) / (counted @ anchors + 1.0)


def _between_rows(graph: Graph, reference: Reference, columns: Columns) -> Value:
    """The squared distances [N, ANCHORS, M'] from the rows that are taken for typical ones to all.

    Next to those from events they are cheap products, which may be slightly below 0.
    """
    z = reference.z
    norm = graph.sum(z * z, 1)
    radius = graph.op("Sqrt", norm)
    # Of no rows the average is no number, and then it makes no difference which are taken.
    average = graph.sum(radius, 2) / graph.unsqueeze(reference.count, 2)
    usual = graph.op("Abs", radius - average) + reference.away
    _, places = graph.smallest(usual, _at_most(graph, reference, ANCHORS))
    point = graph.op("GatherElements", z, graph.op("Expand", places, columns.expanded), axis=2)
    own = graph.op("Transpose", graph.op("GatherElements", norm, places, axis=2), perm=[0, 2, 1])
    return graph.op("Transpose", point * -2.0, perm=[0, 2, 1]) @ z + norm + own


def _near(
    graph: Graph, query: Query, reference: Reference, columns: Columns, more: Value | None, number: int
) -> tuple[Near, Value]:
    """Compare the events with the rows, and give the least so many distances, also of `more` points [B, K, M']."""
    apart = standing(graph, query, reference, columns) - reference.z
    square = apart * apart
    distance = graph.unsqueeze(query.present, 1) @ square
    every = distance if more is None else graph.op("Concat", distance, more, axis=1)
    every = every + reference.away
    if more is None:
        least, _ = graph.smallest(every, graph.constant([number]))
        return Near(square, every, least), least
    # Newest first: in a stream the nearest rows are mostly the latest, and the search for them then swaps less.
    newest_first = graph.op("Slice", every, [-1], [np.iinfo(np.int64).min], [2], [-1])
    least, _ = graph.smallest(newest_first, _at_most(graph, reference, number))
    # Filled up where the window has fewer rows.
    least = graph.op("Pad", least, [0, 0, 0, 0, ANCHORS, number], AWAY)
    least = graph.op("Slice", least, [0, 0], [1 + ANCHORS, number], [1, 2])
    own = (graph.op("Slice", value, [0], [1], [1]) for value in (every, least))
    return Near(square, *own), graph.op("Reshape", least, [0, 1, -1])


def _at_most(graph: Graph, reference: Reference, number: int) -> Value:
    """`number`, or that of the rows if they are fewer [1]."""
    return graph.op("Min", graph.op("Shape", reference.away, start=2), [number])


def _lengths(graph: Graph, least: Value) -> tuple[Value, Value]:
    """The distances [N, .] of these squares [N, ...], 0 for rows that are AWAY, and which ones are not."""
    square = graph.op("Relu", graph.op("Reshape", least, [0, -1]))
    counted = graph.cast(graph.op("Less", square, AWAY / 2))
    return graph.op("Sqrt", square + BANDWIDTH) * counted, counted


def _column(*weights: np.ndarray) -> np.ndarray:
    return np.concatenate(weights).astype(np.float32)[:, None]


def _part(graph: Graph, reference: Far, query: Query, columns: Columns) -> Value:
    """Each column's part [B, F] in how far the events are."""
    near = reference.near
    farthest = graph.op("Slice", near.least, [NEIGHBOURS - 1], [NEIGHBOURS], [2])
    counts = graph.op("LessOrEqual", near.distance, farthest)
    counts = graph.op("And", counts, graph.op("Less", near.distance, AWAY / 2))
    share = graph.cast(counts) / graph.op("Sqrt", near.distance + BANDWIDTH)
    part = graph.squeeze(near.square @ graph.op("Transpose", share, perm=[0, 2, 1]), 2) * query.present
    return part / (part @ columns.each + NOTHING) * reference.far
