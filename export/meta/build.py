"""The meta-model as an ONNX graph under the contract."""

import onnx
from onnx import TensorProto

from export.graph import Graph, Value
from export.meta.kept import keep
from export.meta.model import Inputs, bounded, contexts, strangeness
from export.meta.onnx_ops import OnnxOps
from export.meta.parameters import Parameters
from stream.artifact import INPUTS


def build(parameters: Parameters) -> onnx.ModelProto:
    """The graph with `parameters` in it (and beside it, to go on from), following version 1 of the model contract."""
    graph = Graph("onsight")
    ops = OnnxOps(graph, parameters)
    x = {name: graph.input(name, axes) for name, axes in INPUTS.items()}
    used = graph.unsqueeze(x["category"] * 0.0 + 1.0, 0)
    inputs = Inputs(
        window=ops.transpose(x["window"], (0, 2, 1)),
        window_mask=x["window_mask"],
        window_label=x["window_label"] * x["window_mask"],
        peers=graph.unsqueeze(ops.transpose(x["peers"], (1, 0)), 0),
        peers_mask=graph.unsqueeze(x["peers_mask"], 0),
        peers_label=graph.unsqueeze(x["peers_label"] * x["peers_mask"], 0),
        category=x["category"],
        direction=graph.unsqueeze(x["direction"], 0),
        used=used,
    )
    known = contexts(ops, inputs)
    strange = strangeness(ops, known, graph.unsqueeze(x["query"], 1), graph.unsqueeze(x["query"], 0))
    graph.output("score", graph.squeeze(bounded(ops, strange), 1), ("B",))
    without = _without_each(graph, x["query"])
    columns = graph.op("Shape", x["category"])
    flat = graph.op("Reshape", without, graph.op("Concat", [1, -1], columns, axis=0))
    drop = ops.relu(strange - strangeness(ops, known, without, flat))
    share = drop + (ops.unsqueeze(ops.total(drop), 1) * 1e-6 + 1e-30)
    graph.output("attribution", share / ops.unsqueeze(ops.total(share), 1), ("B", "F"))
    model = graph.model()
    keep(model, parameters)
    return model


def _without_each(graph: Graph, query: Value) -> Value:
    """[B, F, F]: each event F times, the i-th time without its i-th value."""
    columns = graph.op("Shape", query, start=1, end=2)
    square = graph.op("ConstantOfShape", graph.op("Concat", columns, columns, axis=0))
    diagonal = graph.op("Cast", graph.op("EyeLike", square), to=TensorProto.BOOL)
    return graph.op("Where", diagonal, float("nan"), graph.unsqueeze(query, 1))
