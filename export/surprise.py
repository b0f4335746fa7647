"""How rare what an event brings is: the value of a category, or a value's being missing (or not).

What fewer than NEIGHBOURS rows share is a surprise, the greater the more rows there are. A category's value is one
only so far as fewer share it than could, and the less the rows' own values are new among themselves.

Shapes: N events of the reference (B for windows, 1 for peers), M its rows, F columns, C of them categories.
"""

from onnx import TensorProto

from export.graph import Graph, Value
from export.scale import Columns, Query, Reference

NEIGHBOURS = 5
SURPRISE = 0.25


def surprises(
    graph: Graph, query: Query, window: Reference, peers: Reference, weight: Value, columns: Columns
) -> Value:
    """The surprise [B, F] in the window times its rows, and that among the peers times their `weight`."""
    lacking = window.count - window.present
    alike = graph.op("Where", query.known, window.present, lacking)
    others = graph.op("Where", query.known, lacking, window.present)
    rare = _rare(graph, alike, others) * window.count
    lacking = peers.count - peers.present
    seen = _rare(graph, peers.present, lacking) * weight
    unseen = _rare(graph, lacking, peers.present) * weight
    rare = rare + graph.op("Where", query.known, seen, unseen)
    codes = graph.op("Compress", peers.rows, columns.coded, axis=1)
    codes = graph.op("Where", peers.kept, codes, float("nan"))
    keep = graph.squeeze(peers.keep, 0)
    steady = _steadiness(graph, graph.squeeze(codes, 0), keep, peers.count)
    most = graph.op("Transpose", steady, perm=[1, 0]) * (weight * SURPRISE)
    each = most / _enough(graph, peers.count)

    code = graph.op("Compress", query.raw, columns.coded, axis=1)
    apart = graph.unsqueeze(code, 2)
    equal = graph.sum(graph.cast(graph.op("Equal", codes, apart)), 2, keepdims=0)
    new = graph.op("Relu", most - equal * each) + _new_in_window(graph, apart, window, columns)
    return rare + new * graph.op("Compress", query.present, columns.coded, axis=1) @ columns.place


def _rare(graph: Graph, alike: Value, others: Value) -> Value:
    """The surprise [N, F] where so many rows are `alike` and so many are not."""
    lack = graph.op("HardSigmoid", alike, alpha=-SURPRISE / NEIGHBOURS, beta=SURPRISE)
    return lack * others / (alike + 2.0)


def _new_in_window(graph: Graph, code: Value, window: Reference, columns: Columns) -> Value:
    """The surprise [B, C] of the codes [B, C, 1] in the window, times its rows."""
    rows = graph.op("Compress", window.rows, columns.coded, axis=1)
    equal = graph.sum(graph.cast(graph.op("And", graph.op("Equal", rows, code), window.kept)), 2, keepdims=0)
    new = graph.op("Relu", 1.0 - equal / _enough(graph, window.count)) * (window.count * SURPRISE)

    def steadied() -> Value:
        # Only for what is new: comparing all pairs of rows is the dearest step.
        pairs = graph.op("Transpose", graph.op("NonZero", new), perm=[1, 0])
        at = graph.squeeze(graph.op("Slice", pairs, [0], [1], [1]), 1)
        keep = graph.squeeze(graph.op("Gather", window.keep, at, axis=0), 1)
        count = graph.op("Gather", window.count, at, axis=0)
        steady = _steadiness(graph, graph.op("GatherND", rows, pairs), keep, count)
        return new * graph.op("ScatterND", new * 0.0, pairs, graph.squeeze(steady, 1))

    asked = graph.op("Cast", graph.op("ReduceSum", new, keepdims=0), to=TensorProto.BOOL)
    return graph.when(asked, steadied, new)


def _steadiness(graph: Graph, rows: Value, keep: Value, count: Value) -> Value:
    """How seldom [K, 1] the codes in `rows` [K, M] are new among themselves, for `keep` [K, M], `count` [K, 1]."""
    equal = graph.cast(graph.op("Equal", graph.unsqueeze(rows, 2), graph.unsqueeze(rows, 1)))
    others = graph.squeeze(equal @ graph.unsqueeze(keep, 2), 2) - 1.0
    enough = _enough(graph, count - 1.0)
    lacking = graph.op("Min", graph.op("Relu", enough - others), enough)
    fresh = graph.sum(lacking * keep, 1) / enough
    return (count - fresh) / (fresh + 2.0)


def _enough(graph: Graph, count: Value) -> Value:
    return graph.op("Clip", count, 1.0, float(NEIGHBOURS))
