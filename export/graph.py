"""A short way to write an ONNX graph: each call adds one node and gives its output back."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 18
IR_VERSION = 9


class Value:
    """An edge of the graph. The usual arithmetic signs add nodes."""

    __slots__ = ("graph", "name")

    def __init__(self, graph: "Graph", name: str) -> None:
        self.graph = graph
        self.name = name

    def __add__(self, other: "Value | float") -> "Value":
        return self.graph.op("Add", self, other)

    def __radd__(self, other: float) -> "Value":
        return self.graph.op("Add", other, self)

    def __sub__(self, other: "Value | float") -> "Value":
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: float) -> "Value":
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: "Value | float") -> "Value":
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: "Value | float") -> "Value":
        return self.graph.op("Div", self, other)

    def __rtruediv__(self, other: float) -> "Value":
        return self.graph.op("Div", other, self)

    def __matmul__(self, other: "Value") -> "Value":
        return self.graph.op("MatMul", self, other)


class Graph:
    """Nodes, constants, inputs and outputs in the making. Constants are shared by value."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._made = 0
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, axes: Sequence[str]) -> Value:
        """A float32 input; `axes` names its dimensions, all dynamic."""
        self._inputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(axes)))
        return Value(self, name)

    def output(self, name: str, value: Value, axes: Sequence[str]) -> None:
        """Give `value` out under `name`."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
        self._outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(axes)))

    def constant(self, value: float | Sequence[int] | np.ndarray) -> Value:
        """A float becomes float32, integers (axes, shapes) become int64."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"c{len(self._constants)}")
        return Value(self, self._constants[key].name)

    def op(self, kind: str, *inputs: "Value | float | Sequence[int]", **attributes: object) -> Value:
        """Add one node with one output."""
        names = [x.name if isinstance(x, Value) else self.constant(x).name for x in inputs]
        output = f"n{self._made}"
        self._made += 1
        self._nodes.append(helper.make_node(kind, names, [output], name=f"{output}_{kind}", **attributes))
        return Value(self, output)

    def when(self, condition: Value, then: Callable[[], Value], otherwise: Value) -> Value:
        """What `then` writes down and gives, worked out only where `condition` (bool []) holds; else `otherwise`."""
        branches = {}
        for name, write in (("then", then), ("else", lambda: self.op("Identity", otherwise))):
            around, self._nodes = self._nodes, []
            result = write()
            nodes, self._nodes = self._nodes, around
            output = helper.make_tensor_value_info(result.name, onnx.TensorProto.FLOAT, None)
            branches[f"{name}_branch"] = helper.make_graph(nodes, f"{result.name}_{name}", [], [output])
        return self.op("If", condition, **branches)

    def smallest(self, value: Value, number: Value) -> tuple[Value, Value]:
        """The `number` [1] smallest values along the last axis in rising order, and their places there."""
        least = self.op("TopK", value, number, largest=0)
        places = f"{least.name}_places"
        self._nodes[-1].output.append(places)
        return least, Value(self, places)

    def cast(self, value: Value) -> Value:
        """To float32."""
        return self.op("Cast", value, to=onnx.TensorProto.FLOAT)

    def sum(self, value: Value, axis: int, keepdims: int = 1) -> Value:
        """The sum along one axis, which stays as 1 unless `keepdims` is 0."""
        return self.op("ReduceSum", value, [axis], keepdims=keepdims)

    def squeeze(self, value: Value, axis: int) -> Value:
        """Take out one axis of length 1."""
        return self.op("Squeeze", value, [axis])

    def unsqueeze(self, value: Value, axis: int) -> Value:
        """Put in one axis of length 1."""
        return self.op("Unsqueeze", value, [axis])

    def model(self) -> onnx.ModelProto:
        """The checked model."""
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, list(self._constants.values())
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="onsight")
        onnx.checker.check_model(model, full_check=True)
        return model
