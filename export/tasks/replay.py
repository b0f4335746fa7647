"""Tasks replayed from an experience: an entity's own window, what came after it, and what was confirmed.

A group has one kind of anomaly: rows that were confirmed, of any entity; or, where there are too few, and at times
otherwise, normal rows that were changed. Confirmed rows, and those with an alert that nobody has judged, are normal
nowhere. A dismissed alert's row is.
"""

from dataclasses import dataclass

import numpy as np

from export.experience.read import Experience
from export.tasks.contexts import FEWEST_ROWS, Layout, Rows
from export.tasks.priors import distort
from export.tasks.sets import FEWEST_QUERIES
from export.tasks.variants import CODED_COLUMNS, Recipe, Variant, take
from stream.errors import InputError

SAMPLE = 400  # rows that a group's anomalies are made of
AHEAD = 3  # normal queries are drawn from so many times their number of an entity's next events
FEWEST_EVENTS = 16  # of an entity, so that its window is one
NEW_ENTITIES = 0.2  # share of the windows, where there are peers, that hold a few rows only


@dataclass(frozen=True, slots=True)
class Replay:
    """An experience to draw from; `share` of all groups of tasks.

    row:       float32 [N, F], clean rows by entity and time
    start:     int64 [E + 1], where each entity's rows begin
    confirmed: float32 [A, F]
    """

    share: float
    row: np.ndarray
    start: np.ndarray
    confirmed: np.ndarray
    category: np.ndarray  # [F]
    direction: np.ndarray  # [F]

    def draw(self, layout: Layout, recipe: Recipe, rng: np.random.Generator) -> "_Group":
        """A group of contexts, seen through at most `layout.columns` columns, the categories first."""
        coded, plain = np.flatnonzero(self.category), np.flatnonzero(self.category == 0)
        coded = np.sort(rng.permutation(coded)[: min(CODED_COLUMNS, layout.columns)])
        plain = np.sort(rng.permutation(plain)[: layout.columns - len(coded)])
        columns = np.concatenate([coded, plain])
        normal = take(self.row[:, columns], SAMPLE, rng)
        changed = len(self.confirmed) < FEWEST_QUERIES or rng.random() < recipe.synthetic
        anomalous = _changed(normal, rng) if changed else self.confirmed[:, columns]
        variant = Variant(normal, normal, anomalous, self.category[columns], self.direction[columns])
        return _Group(variant, self, columns, layout)


@dataclass(frozen=True, slots=True)
class _Group:
    variant: Variant
    replay: Replay
    columns: np.ndarray
    layout: Layout

    def rows(self, anomalous: np.ndarray, rng: np.random.Generator) -> Rows:
        """A window of a random event's entity, up to a random moment, and what came next."""
        start, layout = self.replay.start, self.layout
        entity = int(np.searchsorted(start, rng.integers(start[-1]), side="right")) - 1
        first, last = int(start[entity]), int(start[entity + 1])
        cut = int(rng.integers(first + 1, last))
        new = layout.peers > 0 and rng.random() < NEW_ENTITIES
        size = int(rng.integers(0, 9)) if new else layout.rows
        if not layout.peers:
            cut = max(cut, min(first + FEWEST_ROWS, last - 1))
        others = int(rng.integers(FEWEST_ROWS, layout.peers + 1)) if layout.peers else 0
        next_ones = self._rows(cut, min(last, cut + AHEAD * layout.queries))
        return Rows(
            window=self._rows(max(first, cut - size), cut),
            peers=take(self.variant.train, others, rng),
            normal=take(next_ones, layout.queries, rng),
            anomalous=take(anomalous, layout.queries, rng),
        )

    def _rows(self, start: int, stop: int) -> np.ndarray:
        return self.replay.row[start:stop, self.columns]


def replay_of(experience: Experience, share: float, source: str) -> Replay:
    """What can be drawn from `experience`. Raises InputError, naming `source`, where no entity has enough events."""
    doubtful = (experience.label == 1) | (experience.alerted & (experience.label == 0))
    entity = experience.entity[~doubtful]
    enough = np.bincount(entity, minlength=1)[entity] >= FEWEST_EVENTS if len(entity) else doubtful[:0]
    row, entity = experience.row[~doubtful][enough], entity[enough]
    known = ~np.isnan(row).all(0) if len(row) else np.zeros(0, bool)
    if not known.any():
        raise InputError(
            f"{source} holds nothing to replay: of {len(experience):,} events, no entity has {FEWEST_EVENTS} without "
            "an alert or a confirmed verdict; collect for longer, or train without --replay"
        )
    columns = [column for column, there in zip(experience.columns, known, strict=True) if there]
    return Replay(
        share,
        row[:, known],
        np.append(np.flatnonzero(np.diff(entity, prepend=-1)), len(entity)),
        experience.row[experience.label == 1][:, known],
        np.array([float(column.category) for column in columns]),
        np.array([float(column.direction) for column in columns]),
    )


def _changed(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal rows turned into anomalies; what was missing stays missing, a changed category is a new one."""
    known = np.nan_to_num(rows).astype(np.float64)
    changed = distort(rng, known, known, rng.uniform(0.1, 0.9))
    return np.where(np.isnan(rows), np.nan, changed).astype(np.float32)
