"""Batches of tasks for training: groups of contexts of one set, in arrays of fixed shape."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from export.meta.ops import Array
from export.tasks.contexts import Group, Layout, Replayed, Rows
from export.tasks.sets import Table, TaskSet
from export.tasks.standard import Standard
from export.tasks.variants import Recipe, Variant, draw_variant
from export.tasks.verdicts import MOST_IN_A_WINDOW, MOST_LABELLED, confirm, veiled


class Batch(NamedTuple):
    """The model's inputs in its own layout, N references; the first half of the queries is normal.

    numpy arrays as drawn; JAX's own under `jax.jit`.
    """

    window: Array  # [N, F, R]
    window_mask: Array  # [N, R]
    window_label: Array  # [N, R]
    peers: Array  # [N, F, P]
    peers_mask: Array  # [N, P]
    peers_label: Array  # [N, P]
    category: Array  # [N, F]
    direction: Array  # [N, F]
    used: Array  # [N, F]
    query: Array  # [N, 2 queries, F]


def draw_batch(
    sets: Sequence[TaskSet],
    layout: Layout,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    labels: bool = False,
    tables: Sequence[Table] = (),
    replays: Sequence[Replayed] = (),
) -> Batch:
    """One batch; with `labels`, every context holds confirmed anomalies, some confirmed normal rows too."""
    number = layout.groups * layout.contexts
    batch = _empty(layout, number)
    for at in range(0, number, layout.contexts):
        replay = _choose(replays, rng)
        if replay is None:
            variant = draw_variant(sets, recipe, layout.columns, rng, tables)
            variant = veiled(variant, layout.columns, rng) if labels else variant
            group: Group = Standard(variant, layout, recipe)
        else:
            group = replay.draw(layout, recipe, rng)
        everything = group.variant.anomalous
        known, asked = _halves(everything, rng) if labels else (None, everything)
        for context in range(at, at + layout.contexts):
            _lay_out(batch, context, group.variant, group.rows(asked, rng))
            if known is not None:
                _label(batch, context, known, group.variant.train, rng)
    return batch


def _choose(replays: Sequence[Replayed], rng: np.random.Generator) -> Replayed | None:
    """What the next group is replayed from, if not from the standard mix."""
    if not replays:
        return None
    share = np.cumsum([replay.share for replay in replays])
    return (*replays, None)[int(np.searchsorted(share, rng.random(), side="right"))]


def _empty(layout: Layout, number: int) -> Batch:
    def zeros(*shape: int) -> np.ndarray:
        return np.zeros((number, *shape), np.float32)

    rows, peers, columns = layout.rows, layout.peers, layout.columns
    return Batch(
        *(zeros(columns, rows), zeros(rows), zeros(rows)),
        *(zeros(columns, peers), zeros(peers), zeros(peers)),
        *(zeros(columns), zeros(columns), zeros(columns)),
        zeros(2 * layout.queries, columns),
    )


def _lay_out(batch: Batch, at: int, variant: Variant, rows: Rows) -> None:
    width, size, others = variant.train.shape[1], len(rows.window), len(rows.peers)
    batch.window[at, :width, :size] = rows.window.T
    batch.window_mask[at, :size] = 1
    batch.peers[at, :width, :others] = rows.peers.T
    batch.peers_mask[at, :others] = 1
    batch.category[at, :width] = variant.category
    batch.direction[at, :width] = variant.direction
    batch.used[at, :width] = 1
    half = len(rows.normal)
    batch.query[at, :half, :width] = rows.normal
    batch.query[at, half:, :width] = rows.anomalous


def _label(batch: Batch, at: int, known: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> None:
    """Confirm rows of the peers, of the window or, at times, of both."""
    in_peers = batch.peers.shape[2] > 0 and rng.random() < 0.7
    if in_peers:
        rows, mask, label = batch.peers[at], batch.peers_mask[at], batch.peers_label[at]
        confirm(
            rows, mask, label, known, normal, rng, most=min(2 * MOST_LABELLED, batch.peers.shape[2] * 2 // 3)
        )
    if not in_peers or rng.random() < 0.2:
        rows, mask, label = batch.window[at], batch.window_mask[at], batch.window_label[at]
        confirm(rows, mask, label, known, normal, rng, most=min(MOST_IN_A_WINDOW, batch.window.shape[2] // 2))


def _halves(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(len(rows))
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
