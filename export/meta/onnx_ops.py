"""The meta-model's operations as nodes of an ONNX graph."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import TensorProto

from export.graph import Graph, Value
from export.meta.ops import Array

TILE = 4  # as the worker fills its batches up
LOWEST = float(np.finfo(np.float32).min)


class OnnxOps:
    """Writes into `graph`; every axis stays dynamic. Parameters become constants."""

    def __init__(self, graph: Graph, parameters: Mapping[str, np.ndarray]) -> None:
        self._graph = graph
        self._parameters = parameters

    def parameter(self, name: str) -> Array:
        return self._graph.constant(np.asarray(self._parameters[name], np.float32))

    def positive(self, name: str) -> Array:
        return self._graph.constant(np.abs(np.asarray(self._parameters[name], np.float32)))

    def constant(self, value: np.ndarray) -> Array:
        return self._graph.constant(np.asarray(value, np.float32))

    def abs(self, x: Array) -> Array:
        return self._graph.op("Abs", x)

    def exp(self, x: Array) -> Array:
        return self._graph.op("Exp", x)

    def log(self, x: Array) -> Array:
        return self._graph.op("Log", x)

    def sqrt(self, x: Array) -> Array:
        return self._graph.op("Sqrt", x)

    def tanh(self, x: Array) -> Array:
        return self._graph.op("Tanh", x)

    def relu(self, x: Array) -> Array:
        return self._graph.op("Relu", x)

    def sign(self, x: Array) -> Array:
        return self._graph.op("Sign", x)

    def reciprocal(self, x: Array) -> Array:
        return self._graph.op("Reciprocal", x)

    def softmax(self, x: Array) -> Array:
        return self._graph.op("Softmax", x, axis=-1)

    def maximum(self, x: Array, y: Array | float) -> Array:
        return self._graph.op("Max", x, y)

    def minimum(self, x: Array, y: Array | float) -> Array:
        return self._graph.op("Min", x, y)

    def clip(self, x: Array, low: float, high: float) -> Array:
        return self._graph.op("Clip", x, low, high)

    def tent(self, x: Array, slope: float) -> Array:
        return self._graph.op("HardSigmoid", x, alpha=-slope, beta=1.0)

    def ramps(self, x: Array, slope: float, number: int) -> tuple[Array, ...]:
        """Each scales, shifts and cuts in one pass; a broadcast would take three times as long, and stacking them
        as long again."""
        return tuple(
            self._graph.op("HardSigmoid", x, alpha=slope, beta=slope - shift) for shift in range(number)
        )

    def filled(self, x: Array) -> Array:
        """By its definition this gives 0 for NaN, at a fifth of the cost of `Where`."""
        return self._graph.op("ThresholdedRelu", x, alpha=LOWEST)

    def known(self, x: Array) -> Array:
        return self.equal(x, x)

    def equal(self, x: Array, y: Array | float) -> Array:
        return self._graph.cast(self._graph.op("Equal", x, y))

    def less(self, x: Array, y: Array | float) -> Array:
        return self._graph.cast(self._graph.op("Less", x, y))

    def at_most(self, x: Array, y: Array | float) -> Array:
        return self._graph.cast(self._graph.op("LessOrEqual", x, y))

    def sum(self, x: Array, axis: int) -> Array:
        return self._graph.sum(x, axis, keepdims=0)

    def total(self, x: Array) -> Array:
        """A matrix product: in `ReduceSum` the last bits would hang on where in memory a row lies."""
        length = self._graph.op("Concat", self._graph.op("Shape", x, start=-1), [1], axis=0)
        ones = self._graph.op("Expand", 1.0, length)
        return self._graph.squeeze(x @ ones, -1)

    def exact_product(self, x: Array, y: Array) -> Array:
        wide = (self._graph.op("Cast", part, to=TensorProto.DOUBLE) for part in (x, y))
        return self._graph.cast(self._graph.op("MatMul", *wide))

    def highest(self, x: Array, axis: int) -> Array:
        return self._graph.op("ReduceMax", x, [axis], keepdims=0)

    def lowest(self, x: Array, axis: int) -> Array:
        return self._graph.op("ReduceMin", x, [axis], keepdims=0)

    def smallest(self, x: Array, number: int) -> Array:
        there = self._graph.op("Shape", x, start=-1)
        return self._graph.smallest(x, self._graph.op("Min", there, [number]))[0]

    def ascending(self, x: Array) -> Array:
        return self._graph.smallest(x, self._graph.op("Shape", x, start=-1))[0]

    def in_order(self, x: Array, key: Array) -> Array:
        places = self._graph.smallest(key, self._graph.op("Shape", key, start=-1))[1]
        places = self._graph.op("Expand", self.unsqueeze(places, 1), self._graph.op("Shape", x))
        return self._graph.op("GatherElements", x, places, axis=2)

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return self._graph.op("Concat", *parts, axis=axis)

    def transpose(self, x: Array, order: Sequence[int]) -> Array:
        return self._graph.op("Transpose", x, perm=list(order))

    def unsqueeze(self, x: Array, axis: int) -> Array:
        return self._graph.unsqueeze(x, axis)

    def squeeze(self, x: Array, axis: int) -> Array:
        return self._graph.squeeze(x, axis)

    def part(self, x: Array, axis: int, start: int, stop: int) -> Array:
        return self._graph.op("Slice", x, [start], [stop], [axis])

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return self._graph.op("Reshape", x, list(shape))

    def folded(self, x: Array, number: int) -> Array:
        graph = self._graph
        shape = graph.op("Shape", x)
        before = graph.op("Slice", shape, [0], [-1], [0])
        rest = graph.op("Div", graph.op("Slice", shape, [-1], [1 << 30], [0]), [number])
        return graph.op("Reshape", x, graph.op("Concat", before, [number], rest, axis=0), allowzero=1)

    def shaped_like(self, x: Array, like: Array) -> Array:
        return self._graph.op("Reshape", x, self._graph.op("Shape", like), allowzero=1)

    def where_any(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        """A branch: what is not taken costs nothing, so labels cost only where there are any."""
        graph = self._graph
        flags = graph.op("Concat", graph.op("Reshape", flag, [-1]), graph.constant(np.zeros(1)), axis=0)
        peak = graph.op("ReduceMax", flags, keepdims=0)
        return graph.when(graph.op("Greater", peak, 0.0), then, otherwise)

    def where_all(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        """A branch: what is not taken costs nothing."""
        least = self._graph.op("ReduceMin", flag, keepdims=0)
        return self._graph.when(self._graph.op("Greater", least, 0.0), then, otherwise)

    def chosen(self, flag: Array) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
        """Filled up to a multiple of TILE by the first one again: the last bits would hang on the number else."""
        graph = self._graph
        peak = graph.op("Greater", graph.op("ReduceMax", flag, [-1], keepdims=0), 0.0)
        places = graph.op("NonZero", peak)
        flat, down = graph.squeeze(places, 0), self.transpose(places, (1, 0))
        count = graph.op("Shape", flat)
        lacking = graph.op("Mod", graph.op("Sub", [0], count), [TILE])
        lacking = graph.op("Min", lacking, graph.op("Shape", flag, start=0, end=1) - count)
        more = graph.op("Expand", graph.op("Slice", flat, [0], [1], [0]), lacking)
        filled_up = graph.op("Concat", flat, more, axis=0)
        return (
            lambda x: graph.op("Gather", x, filled_up, axis=0),
            lambda x, like: graph.op("ScatterND", like * 0.0, down, graph.op("Slice", x, [0], count, [0])),
        )

    def repeated(
        self, step: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], number: int
    ) -> tuple[Array, ...]:
        for _ in range(number):
            state = step(state)
        return state

    def coded(self, x: Array, category: Array) -> Array:
        return self._graph.op("Compress", x, self._is_category(category), axis=1)

    def uncoded(self, x: Array, category: Array) -> Array:
        shape = self._graph.op("Shape", category)
        square = self._graph.op("ConstantOfShape", self._graph.op("Concat", shape, shape, axis=0))
        diagonal = self._graph.op("EyeLike", square)
        return x @ self._graph.op("Compress", diagonal, self._is_category(category), axis=0)

    def _is_category(self, category: Value) -> Value:
        return self._graph.op("Cast", category, to=TensorProto.BOOL)
