"""Batches of tasks for training: groups of contexts of one set, in arrays of fixed shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from export.meta.ops import Array
from export.tasks.sets import TaskSet
from export.tasks.variants import Recipe, Variant, draw_variant, take
from export.tasks.verdicts import MOST_IN_A_WINDOW, MOST_LABELLED, confirm, veiled

FEWEST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of a batch: `groups` of `contexts` each, so N = groups x contexts references."""

    groups: int = 6
    contexts: int = 3
    rows: int = 64
    peers: int = 0
    columns: int = 16
    queries: int = 32  # of each kind


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


@dataclass(frozen=True, slots=True)
class Rows:
    """One reference's rows before they are laid out; all [rows, F]."""

    window: np.ndarray
    peers: np.ndarray
    normal: np.ndarray
    anomalous: np.ndarray


class Group(Protocol):
    """Contexts that have their columns and their kind of anomaly in common."""

    @property
    def variant(self) -> Variant: ...
    def rows(self, anomalous: np.ndarray, rng: np.random.Generator) -> Rows:
        """One context with its queries, those of the anomalies out of `anomalous` [rows, F]."""


class Replayed(Protocol):
    """Where real tasks come from that are mixed in; `share` of all groups are."""

    @property
    def share(self) -> float: ...
    def draw(self, layout: Layout, recipe: Recipe, rng: np.random.Generator) -> Group: ...


@dataclass(frozen=True, slots=True)
class _Standard:
    """A group of the standard mix: a set, real or synthetic, seen in a random way."""

    variant: Variant
    layout: Layout
    recipe: Recipe

    def rows(self, anomalous: np.ndarray, rng: np.random.Generator) -> Rows:
        return _draw_rows(self.variant, anomalous, self.layout, self.recipe, rng)


def draw_batch(
    sets: list[TaskSet],
    layout: Layout,
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    labels: bool = False,
    replays: Sequence[Replayed] = (),
) -> Batch:
    """One batch; with `labels`, every context holds confirmed anomalies, some confirmed normal rows too."""
    number = layout.groups * layout.contexts
    batch = _empty(layout, number)
    for at in range(0, number, layout.contexts):
        replay = _choose(replays, rng)
        if replay is None:
            variant = draw_variant(sets, recipe, layout.columns, rng)
            variant = veiled(variant, layout.columns, rng) if labels else variant
            group: Group = _Standard(variant, layout, recipe)
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


def _draw_rows(
    variant: Variant, anomalous: np.ndarray, layout: Layout, recipe: Recipe, rng: np.random.Generator
) -> Rows:
    """Rows of one context: all of one kind, or, with peers, a window of an entity of its own."""
    size = layout.rows if rng.random() < 0.6 else int(rng.integers(FEWEST_ROWS, layout.rows + 1))
    if not layout.peers:
        rows = Rows(
            take(variant.train, size, rng),
            variant.train[:0],
            take(variant.normal, layout.queries, rng),
            take(anomalous, layout.queries, rng),
        )
        return _contaminated(rows, anomalous, variant.contamination, rng)
    size = int(rng.integers(0, 9)) if rng.random() < 0.3 else size
    others = int(rng.integers(FEWEST_ROWS, layout.peers + 1)) if rng.random() < 0.9 else 0
    rows = Rows(
        take(variant.train, size, rng),
        take(variant.train, others, rng),
        take(variant.normal, layout.queries, rng),
        take(anomalous, layout.queries, rng),
    )
    if rng.random() < recipe.entities:
        rows = (_shifted if rng.random() < 0.5 else _block)(variant, rows, rng)
    return _contaminated(rows, anomalous, variant.contamination, rng)


def _shifted(variant: Variant, rows: Rows, rng: np.random.Generator) -> Rows:
    """Entities with a level and a width of their own in some columns; half of the anomalies are usual elsewhere."""
    number = variant.category == 0
    moves = number * (rng.random(len(number)) < rng.uniform(0.3, 1.0))
    known = np.nan_to_num(variant.train)
    scale, middle = known.std(0) * moves, known.mean(0)
    apart, wider = rng.uniform(0.3, 3.0), rng.uniform(0, 0.6)

    def entity(entities: int) -> tuple[np.ndarray, np.ndarray]:
        level = rng.standard_normal((entities, len(number))) * scale * apart
        width = np.exp(rng.standard_normal((entities, len(number))) * wider * moves)
        return level, width

    def put(part: np.ndarray, level: np.ndarray, width: np.ndarray) -> np.ndarray:
        out = np.where(number, (part - middle) * width + middle + level, part)
        return out.astype(np.float32)

    own, crowd, elsewhere = entity(1), entity(max(len(rows.peers), 1)), entity(len(rows.anomalous))
    foreign = put(take(variant.normal, len(rows.anomalous), rng), *elsewhere)
    usual = rng.random((len(rows.anomalous), 1)) < rng.choice([0.0, 0.5, 1.0])
    return Rows(
        put(rows.window, *own),
        put(rows.peers, *crowd) if len(rows.peers) else rows.peers,
        put(rows.normal, *own),
        np.where(usual, foreign, put(rows.anomalous, *own)),
    )


def _block(variant: Variant, rows: Rows, rng: np.random.Generator) -> Rows:
    """An entity is a stretch of one column's values; anomalies are real ones or normal rows of elsewhere."""
    column = int(rng.integers(variant.train.shape[1]))
    middle = np.nan_to_num(variant.train[rng.integers(len(variant.train)), column])
    share = rng.uniform(0.05, 0.3)

    def near(part: np.ndarray) -> np.ndarray:
        order = np.argsort(np.abs(np.nan_to_num(part[:, column]) - middle), kind="stable")
        return part[order[: max(8, int(len(part) * share))]]

    far = np.argsort(-np.abs(np.nan_to_num(variant.normal[:, column]) - middle), kind="stable")
    foreign = take(variant.normal[far[: len(far) // 2 + 1]], len(rows.anomalous), rng)
    usual = rng.random((len(rows.anomalous), 1)) < rng.choice([0.0, 0.5, 1.0])
    return Rows(
        take(near(variant.train), len(rows.window), rng),
        rows.peers,
        take(near(variant.normal), len(rows.normal), rng),
        np.where(usual, foreign, rows.anomalous),
    )


def _contaminated(rows: Rows, anomalous: np.ndarray, most: float, rng: np.random.Generator) -> Rows:
    """Up to `most` of the rows of the window are anomalies that nobody has noticed."""
    if not most:
        return rows
    number = int(rng.uniform(0, most) * len(rows.window))
    kinds = anomalous if rng.random() < 0.5 else anomalous[:4]
    window = rows.window.copy()
    window[rng.permutation(len(window))[:number]] = take(kinds, number, rng)
    return Rows(window, rows.peers, rows.normal, rows.anomalous)


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
