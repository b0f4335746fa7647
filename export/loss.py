"""What training minimises: wrongly ordered pairs of a normal and an anomalous query, within and across tasks."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from export.meta.apply import batch_strangeness, calibrated_knn
from export.meta.ops import Array
from export.tasks.batches import Batch
from export.tasks.contexts import Layout

HEAT = 4.0  # with labels, pairs are told apart by so much more; otherwise the zero-shot score would outweigh them


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the parts of the loss."""

    behind: float = 1.0  # where a group of tasks does worse than the calibrated nearest neighbours
    tail: float = 0.5  # of anomalies against the highest normal scores, which make the false alarms
    sharpness: float = 2.0  # how much the tail is only the very highest
    across: float = 0.25  # of pairs of different groups
    alone: float = 1.5  # of pairs within one context


def zero_shot_loss(
    parameters: Mapping[str, Array], batch: Batch, layout: Layout, weights: Weights
) -> tuple[Array, Array]:
    """The loss, and beside it the plain ranking loss of the model and of the baseline [2]."""
    score = batch_strangeness(parameters, batch, labels=False)
    normal, anomalous = _pooled(score, layout)
    own = _ranking(normal, anomalous)
    baseline = _ranking(*_pooled(calibrated_knn(batch), layout))
    across = jax.nn.softplus(jnp.roll(normal, 1, 0)[:, None, :] - anomalous[:, :, None]).mean()
    loss = own.mean() + weights.behind * jax.nn.relu(own - baseline).mean() + weights.across * across
    loss = loss + weights.tail * _tail(normal, anomalous, weights.sharpness).mean()
    loss = loss + weights.alone * _ranking(score[:, : layout.queries], score[:, layout.queries :]).mean()
    return loss, jnp.stack([own.mean(), baseline.mean()])


def label_loss(
    parameters: Mapping[str, Array], batch: Batch, layout: Layout, weights: Weights
) -> tuple[Array, Array]:
    """The same with labels; what must not be worse is the score without them, which is also what is put beside it."""
    normal, anomalous = _pooled(batch_strangeness(parameters, batch, labels=True) / HEAT, layout)
    own = _ranking(normal, anomalous)
    plain = batch._replace(
        window_label=jnp.zeros_like(batch.window_label),
        peers_label=jnp.zeros_like(batch.peers_label),
        window_mask=batch.window_mask * (1 - jax.nn.relu(batch.window_label)),
        peers_mask=batch.peers_mask * (1 - jax.nn.relu(batch.peers_label)),
    )
    before = jax.lax.stop_gradient(
        _ranking(*_pooled(batch_strangeness(parameters, plain, labels=False) / HEAT, layout))
    )
    loss = own.mean() + weights.behind * jax.nn.relu(own - before).mean()
    loss = loss + weights.tail * 0.5 * _tail(normal, anomalous, weights.sharpness).mean()
    return loss, jnp.stack([own.mean(), before.mean()])


def _pooled(score: Array, layout: Layout) -> tuple[Array, Array]:
    """Scores [N, 2 queries], the contexts of a group together: normal and anomalous, each [groups, number]."""
    parts = score.reshape(layout.groups, layout.contexts, 2, layout.queries).swapaxes(1, 2)
    flat = parts.reshape(layout.groups, 2, layout.contexts * layout.queries)
    return flat[:, 0], flat[:, 1]


def _ranking(normal: Array, anomalous: Array) -> Array:
    """Logistic loss of all pairs, for each group."""
    return jax.nn.softplus(normal[:, None, :] - anomalous[:, :, None]).mean((1, 2))


def _tail(normal: Array, anomalous: Array, sharpness: float) -> Array:
    """Logistic loss of the anomalies against a soft maximum of the normal scores, for each group."""
    number = np.log(normal.shape[1]) * 0.3
    highest = (jax.nn.logsumexp(sharpness * normal, 1) - number) / sharpness
    return jax.nn.softplus(highest[:, None] - anomalous).mean(1)
