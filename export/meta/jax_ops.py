"""The meta-model's operations in JAX, for training and for measuring."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from export.meta.ops import Array


class JaxOps:
    """Computes at once (or under `jax.jit`), with gradients.

    The number of categories can't depend on data here, so the first `coded_columns` columns stand for all that
    could be one. Nor can branches: `flagged` says whether those for flags are taken.
    """

    def __init__(self, parameters: Mapping[str, Array], coded_columns: int, flagged: bool = True) -> None:
        self._parameters = parameters
        self._flagged = flagged
        self._coded_columns = coded_columns
        self.exp = jnp.exp
        self.log = jnp.log
        self.sqrt = jnp.sqrt
        self.tanh = jnp.tanh
        self.relu = jax.nn.relu
        self.sign = jnp.sign
        self.reciprocal = jnp.reciprocal
        self.softmax = jax.nn.softmax
        self.maximum = jnp.maximum
        self.minimum = jnp.minimum
        self.unsqueeze = jnp.expand_dims
        self.squeeze = jnp.squeeze
        self.transpose = jnp.transpose

    def parameter(self, name: str) -> Array:
        return self._parameters[name]

    def positive(self, name: str) -> Array:
        return jnp.abs(self._parameters[name])

    def constant(self, value: np.ndarray) -> Array:
        return jnp.asarray(value, jnp.float32)

    def abs(self, x: Array) -> Array:
        return jnp.abs(x)

    def clip(self, x: Array, low: float, high: float) -> Array:
        return jnp.clip(x, low, high)

    def tent(self, x: Array, slope: float) -> Array:
        return jnp.clip(1 - x * slope, 0, 1)

    def ramps(self, x: Array, slope: float, number: int) -> tuple[Array, ...]:
        return tuple(jnp.clip(x * slope + slope - shift, 0, 1) for shift in range(number))

    def filled(self, x: Array) -> Array:
        return jnp.where(jnp.isnan(x), 0.0, x)

    def known(self, x: Array) -> Array:
        return (~jnp.isnan(x)).astype(jnp.float32)

    def equal(self, x: Array, y: Array | float) -> Array:
        return (x == y).astype(jnp.float32)

    def less(self, x: Array, y: Array | float) -> Array:
        return (x < y).astype(jnp.float32)

    def at_most(self, x: Array, y: Array | float) -> Array:
        return (x <= y).astype(jnp.float32)

    def sum(self, x: Array, axis: int) -> Array:
        return jnp.sum(x, axis)

    def total(self, x: Array) -> Array:
        return jnp.sum(x, -1)

    def exact_product(self, x: Array, y: Array) -> Array:
        """In float32, which is enough to train with."""
        return x @ y

    def highest(self, x: Array, axis: int) -> Array:
        return jnp.max(x, axis, initial=-jnp.inf)

    def lowest(self, x: Array, axis: int) -> Array:
        return jnp.min(x, axis, initial=jnp.inf)

    def smallest(self, x: Array, number: int) -> Array:
        return -jax.lax.top_k(-x, min(number, x.shape[-1]))[0]

    def ascending(self, x: Array) -> Array:
        return jnp.sort(x, -1)

    def in_order(self, x: Array, key: Array) -> Array:
        return jnp.take_along_axis(x, jnp.argsort(key, -1)[:, None], 2)

    def concat(self, parts: Sequence[Array], axis: int) -> Array:
        return jnp.concatenate(parts, axis)

    def part(self, x: Array, axis: int, start: int, stop: int) -> Array:
        return jax.lax.slice_in_dim(x, start, min(stop, x.shape[axis]), axis=axis)

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape([size or x.shape[axis] for axis, size in enumerate(shape)])

    def folded(self, x: Array, number: int) -> Array:
        return x.reshape(*x.shape[:-1], number, x.shape[-1] // number)

    def shaped_like(self, x: Array, like: Array) -> Array:
        return x.reshape(like.shape)

    def where_any(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        return then() if self._flagged else otherwise

    def where_all(self, flag: Array, then: Callable[[], Array], otherwise: Array) -> Array:
        return jnp.where(jnp.min(flag) > 0, then(), otherwise)

    def chosen(self, flag: Array) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
        return lambda x: x, lambda x, like: x

    def repeated(
        self, step: Callable[[tuple[Array, ...]], tuple[Array, ...]], state: tuple[Array, ...], number: int
    ) -> tuple[Array, ...]:
        return jax.lax.scan(lambda now, _: (step(now), None), state, length=number)[0]

    def coded(self, x: Array, category: Array) -> Array:
        return x[:, : self._coded_columns]

    def uncoded(self, x: Array, category: Array) -> Array:
        filled = jnp.pad(x, ((0, 0), (0, category.shape[-1] - self._coded_columns)))
        return filled * category
