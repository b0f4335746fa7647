"""The split: each node in the part where it belongs, and both parts together give what the whole gives."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import NodeProto, TensorProto, helper

from stream.errors import ContractError
from stream.split import boundary, own_part, shared_part

SHARED = ("peers",)


def model(*nodes: NodeProto) -> bytes:
    """A model from `query` [B] and `peers` [P] to `score`, with initializers `one` and `yes`."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [axis])
        for name, axis in (("query", "B"), ("peers", "P"))
    ]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"])]
    constants = [
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
    ]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, constants)
    opset = [helper.make_opsetid("", 21)]
    result: bytes = helper.make_model(graph, ir_version=10, opset_imports=opset).SerializeToString()
    return result


def kinds(part: bytes) -> Sequence[str]:
    return [node.op_type for node in onnx.load_from_string(part).graph.node]


def opened(part: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(part)


def test_both_parts_give_what_the_whole_gives() -> None:
    whole = model(
        helper.make_node("Shape", ["peers"], ["shape"]),
        helper.make_node("Greater", ["peers", "one"], ["large"]),
        helper.make_node("Where", ["large", "peers", "one"], ["raised"]),
        helper.make_node("ReduceSum", ["raised"], ["total"], keepdims=0),
        helper.make_node("Mul", ["query", "total"], ["scaled"]),
        helper.make_node("ReduceSum", ["shape"], ["count"], keepdims=0),
        helper.make_node("Cast", ["count"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Where", ["yes", "scaled", "query"], ["chosen"]),
        helper.make_node("Add", ["chosen", "number"], ["score"]),
    )
    assert boundary(whole, SHARED) == ("number", "total")
    first = opened(shared_part(whole, SHARED))
    second = own_part(whole, SHARED, {edge.name: edge.type for edge in first.get_outputs()})
    assert kinds(second) == ["Mul", "Where", "Add"]
    query, peers = np.array([1, 2, 3], np.float32), np.array([0, 2, 4, 8], np.float32)
    results = dict(zip(("number", "total"), first.run(["number", "total"], {"peers": peers}), strict=True))
    both = opened(second).run(["score"], {"query": query, "peers": peers, **results})[0]
    np.testing.assert_array_equal(both, opened(whole).run(["score"], {"query": query, "peers": peers})[0])
    np.testing.assert_array_equal(both, query * 15 + 4)


def test_a_model_without_a_shared_node_stays_whole() -> None:
    whole = model(helper.make_node("Add", ["query", "peers"], ["score"]))
    assert boundary(whole, SHARED) == ()
    assert onnx.load_from_string(own_part(whole, SHARED, {})) == onnx.load_from_string(whole)


def test_an_output_is_the_events_own_though_it_reads_the_peers_alone() -> None:
    whole = model(helper.make_node("Abs", ["peers"], ["size"]), helper.make_node("Neg", ["size"], ["score"]))
    assert boundary(whole, SHARED) == ("size",)
    assert kinds(own_part(whole, SHARED, {"size": "tensor(float)"})) == ["Neg"]


def test_constants_stay_in_both_parts() -> None:
    whole = model(
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Mul", ["peers", "two"], ["double"]),
        helper.make_node("Clip", ["query", "", "two"], ["clipped"]),
        helper.make_node("Add", ["clipped", "double"], ["score"]),
    )
    assert boundary(whole, SHARED) == ("double",)
    assert kinds(shared_part(whole, SHARED)) == ["Constant", "Mul"]
    assert kinds(own_part(whole, SHARED, {"double": "tensor(float)"})) == ["Constant", "Clip", "Add"]


def test_what_a_branch_reads_from_outside_crosses_the_boundary() -> None:
    value = helper.make_tensor_value_info("inside", TensorProto.FLOAT, ["B"])
    branch = helper.make_graph(
        [helper.make_node("Add", ["query", "size"], ["inside"])], "branch", [], [value]
    )
    whole = model(
        helper.make_node("Abs", ["peers"], ["size"]),
        helper.make_node("If", ["yes"], ["score"], then_branch=branch, else_branch=branch),
    )
    assert boundary(whole, SHARED) == ("size",)
    second = opened(own_part(whole, SHARED, {"size": "tensor(float)"}))
    one = np.ones(1, np.float32)
    assert second.run(["score"], {"query": one, "peers": one, "size": one})[0] == [2]


def test_only_tensors_cross_the_boundary() -> None:
    whole = model(
        helper.make_node("SequenceConstruct", ["peers"], ["list"]),
        helper.make_node("SequenceAt", ["list", "query"], ["score"]),
    )
    with pytest.raises(ContractError, match=r"'list', a seq\(tensor\(float\)\), .* only tensors may be"):
        own_part(whole, SHARED, {"list": "seq(tensor(float))"})
