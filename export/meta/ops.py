"""The array operations that the meta-model is written in.

The model is a function of an `Ops`: `jax_ops` computes it (and its gradient), `onnx_ops` writes it down as a graph.
So there is one definition of the mathematics. Arrays also take the signs + - * / @ among themselves and with
floats, a product with the array on the left.

ONNX Runtime is slow where the last axis has length 1 and a float is broadcast to it, so no array is laid out so.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Array = Any  # a jax.Array or an edge of the graph, float32 unless the name says bool
END = 1 << 30  # where a part goes on to the end


class Ops(Protocol):
    """What a backend offers. Shapes follow numpy's rules of broadcasting."""

    def parameter(self, name: str) -> Array:
        """A trained array."""

    def positive(self, name: str) -> Array:
        """A trained array made non-negative: what stands after a detector must never turn it around."""

    def constant(self, value: np.ndarray) -> Array:
        """A float32 array that is no parameter."""

    def abs(self, x: Array) -> Array: ...
    def exp(self, x: Array) -> Array: ...
    def log(self, x: Array) -> Array: ...
    def sqrt(self, x: Array) -> Array: ...
    def tanh(self, x: Array) -> Array: ...
    def relu(self, x: Array) -> Array: ...
    def sign(self, x: Array) -> Array: ...
    def reciprocal(self, x: Array) -> Array: ...
    def softmax(self, x: Array) -> Array:
        """Along the last axis."""

    def maximum(self, x: Array, y: Array | float) -> Array: ...
    def minimum(self, x: Array, y: Array | float) -> Array: ...
    def clip(self, x: Array, low: float, high: float) -> Array: ...
    def tent(self, x: Array, slope: float) -> Array:
        """1 - `slope` x, cut to [0, 1]."""

    def ramps(self, x: Array, slope: float, number: int) -> tuple[Array, ...]:
        """`number` arrays like x in (-1, 1), the k-th the line x `slope` + `slope`, less k, cut to [0, 1]."""

    def filled(self, x: Array) -> Array:
        """`x` with 0 where it is missing (NaN)."""

    def known(self, x: Array) -> Array:
        """0 where `x` is missing (NaN), else 1."""

    def equal(self, x: Array, y: Array | float) -> Array:
        """1 where the same, else 0."""

    def less(self, x: Array, y: Array | float) -> Array:
        """1 where x < y, else 0; 0 where one is missing."""

    def at_most(self, x: Array, y: Array | float) -> Array:
        """1 where x <= y, else 0."""

    def sum(self, x: Array, axis: int) -> Array:
        """Without the axis, which must not be the last one unless whole numbers or multiples of 4 are summed."""

    def total(self, x: Array) -> Array:
        """The sum over the last axis, without it."""

    def exact_product(self, x: Array, y: Array) -> Array:
        """x @ y as if summed in float64: the order of what is summed then makes no difference."""

    def highest(self, x: Array, axis: int) -> Array:
        """The maximum, without the axis; over no elements it is minus infinity."""

    def lowest(self, x: Array, axis: int) -> Array:
        """The minimum, without the axis; over no elements it is infinity."""

    def smallest(self, x: Array, number: int) -> Array:
        """The `number` smallest along the last axis in rising order; all of them where there are fewer."""

    def ascending(self, x: Array) -> Array:
        """In rising order along the last axis."""

    def in_order(self, x: Array, key: Array) -> Array:
        """The last axis of x [N, K, M] by rising `key` [N, M]; where keys are the same, as it was."""

    def concat(self, parts: Sequence[Array], axis: int) -> Array: ...
    def transpose(self, x: Array, order: Sequence[int]) -> Array: ...
    def unsqueeze(self, x: Array, axis: int) -> Array: ...
    def squeeze(self, x: Array, axis: int) -> Array: ...
    def part(self, x: Array, axis: int, start: int, stop: int) -> Array:
        """The elements from `start` up to `stop`; a negative `stop` counts from the end, and END is the end."""

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        """-1: what is left over; 0: as it is in `x`."""

    def folded(self, x: Array, number: int) -> Array:
        """The last axis in `number` equal parts, each a row: [..., `number`, the rest]."""

    def shaped_like(self, x: Array, like: Array) -> Array:
        """The elements of `x` in the shape of `like`."""

    def where_any(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        """What `then` gives if any element of `flag` is above 0, else `otherwise`, of the same shape.

        Where no element is, both must be the same.
        """

    def where_all(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        """What `then` gives if every element of `flag` is above 0, else `otherwise`, of the same shape."""

    def chosen(self, flag: Array) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
        """What keeps of an array [N, ...] the parts where any of `flag` [N, K] is above 0, and what puts them back.

        The second takes what is left of an array [N, Q] and the whole `like` [N, Q]; the other parts are 0. Where
        shapes can't depend on values, all parts are kept.
        """

    def repeated(
        self, step: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], number: int
    ) -> tuple[Array, ...]:
        """`state` after `number` steps, which leave its shapes as they are."""

    def coded(self, x: Array, category: Array) -> Array:
        """Of x [N, F, M] the rows of category columns, [N, C, M]. `category` is [F], or [N, F] in training."""

    def uncoded(self, x: Array, category: Array) -> Array:
        """Back from [N, C] to [N, F], with 0 in the number columns."""


def weighted(ops: Ops, x: Array, weights: Array) -> Array:
    """The sum over the last axis of x [N, K, M], weighted by `weights` [N, M]: [N, K]."""
    return ops.squeeze(x @ ops.unsqueeze(weights, 2), 2)


def exactly_weighted(ops: Ops, x: Array, weights: Array) -> Array:
    """As `weighted`, by an exact product."""
    return ops.squeeze(ops.exact_product(x, ops.unsqueeze(weights, 2)), 2)


def stacked(ops: Ops, parts: Sequence[Array]) -> Array:
    """Arrays [N, F] below each other: [N, number of parts, F]."""
    return ops.folded(ops.concat(parts, 1), len(parts))


def stacked_queries(ops: Ops, parts: Sequence[Array]) -> Array:
    """Arrays [N, Q, F] below each other: [N, Q, number of parts, F]."""
    return ops.folded(ops.concat(parts, 2), len(parts))
