"""The meta-model and its baseline on batches of tasks, in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from export.meta.jax_ops import JaxOps
from export.meta.model import Contexts, Inputs, contexts, strangeness
from export.meta.ops import Array
from export.tasks.batches import Batch
from export.tasks.variants import CODED_COLUMNS

NEIGHBOURS = 5
ANCHORS = 24
ABSENT = 1e6


def batch_strangeness(parameters: Mapping[str, Array], batch: Batch, *, labels: bool) -> Array:
    """[N, 2 queries]: the unbounded score of each query; `labels` must be True if `batch` holds any."""
    ops = JaxOps(parameters, CODED_COLUMNS, labels)
    return strangeness(ops, _contexts(ops, batch), batch.query, batch.query)


def window_statistics(parameters: Mapping[str, Array], batch: Batch) -> Array:
    """[N, S]: the statistics of the windows that the small networks see."""
    return _contexts(JaxOps(parameters, CODED_COLUMNS), batch).window.context


def calibrated_knn(batch: Batch) -> Array:
    """[N, 2 queries]: the baseline, against windows and peers together.

    The log of the mean distance to the NEIGHBOURS nearest rows of z-scores, in standard deviations of what ANCHORS of
    the rows themselves have.
    """
    rows = jnp.concatenate([batch.window, batch.peers], 2).swapaxes(1, 2)
    mask = jnp.concatenate([batch.window_mask, batch.peers_mask], 1)
    label = jnp.concatenate([batch.window_label, batch.peers_label], 1)
    mask = mask * (1 - jax.nn.relu(label))
    known = mask[:, :, None] * ~jnp.isnan(rows)
    share = known / jnp.maximum(known.sum(1, keepdims=True), 1)
    rows = jnp.nan_to_num(rows)
    mean = (rows * share).sum(1, keepdims=True)
    scale = jnp.sqrt((((rows - mean) ** 2) * share).sum(1, keepdims=True))
    scale = scale + (scale <= 1e-6 * (jnp.abs(mean) + 1e-6))
    context = jnp.clip((rows - mean) / scale, -1e3, 1e3) * batch.used[:, None]
    query = jnp.nan_to_num(jnp.clip((batch.query - mean) / scale, -1e3, 1e3)) * batch.used[:, None]
    number = batch.used.sum(1)[:, None, None]
    absent = (ABSENT * (1 - mask))[:, None]
    found = _near(_squares(query, context) / number + absent)
    itself = ABSENT * jnp.eye(rows.shape[1])
    own = _near((_squares(context, context) / number + absent + itself)[:, :ANCHORS])
    weight = mask[:, :ANCHORS] / jnp.maximum(mask[:, :ANCHORS].sum(1, keepdims=True), 1)
    usual = (own * weight).sum(1, keepdims=True)
    spread = jnp.sqrt((((own - usual) ** 2) * weight).sum(1, keepdims=True) + 1e-6)
    return jnp.clip(2 * jnp.arcsinh((found - usual) / (spread + 0.05) / 2), -12, 12)


def _contexts(ops: JaxOps, batch: Batch) -> Contexts:
    return contexts(ops, Inputs(*batch[:9]))


def _squares(left: Array, right: Array) -> Array:
    cross = left @ right.swapaxes(1, 2)
    return jnp.maximum((left**2).sum(2)[:, :, None] + (right**2).sum(2)[:, None] - 2 * cross, 0)


def _near(square: Array) -> Array:
    """Log of the mean distance to the nearest rows, of squared distances [N, Q, M]."""
    nearest = -jax.lax.top_k(-square, min(NEIGHBOURS, square.shape[2]))[0]
    return jnp.log(jnp.sqrt(nearest + 1e-6).mean(2) + 1e-3)
