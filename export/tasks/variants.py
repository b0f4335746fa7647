"""Variants of a set: the same rows seen through other columns, mixes, categories, directions and gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from export.tasks.priors import distort, draw_set
from export.tasks.sets import Table, TaskSet
from export.tasks.slices import slice_rows

CODED_COLUMNS = 4
ROWS = 400
MOST_VALUES = 30


@dataclass(frozen=True, slots=True)
class Recipe:
    """How often tasks have what; shares of the tasks."""

    priors: float = 0.15  # synthetic sets instead of real ones
    tables: float = 0.0  # of the real ones, those from tables without labels; all where there are no sets
    sliced: float = 0.1  # of the others, those where a column, not the label, says what is anomalous
    synthetic: float = 0.05  # real normal rows with synthetic anomalies
    mixed: float = 0.05  # random sparse linear mixes of the columns
    missing: float = 0.08
    categories: float = 0.1
    directed: float = 0.08
    contaminated: float = 0.1
    contamination: float = 0.15  # the highest share of anomalies in a contaminated context
    spoilt_priors: float = 0.2  # of the synthetic sets, those whose contexts are contaminated
    prior_contamination: float = 0.3  # and the highest share of anomalies in these
    entities: float = 0.5  # of the tasks with peers, those whose window belongs to an entity of its own kind


FEW_SETS = Recipe(priors=0.2, tables=0.8, synthetic=0.15, mixed=0.1)  # where there are none but those at hand


@dataclass(frozen=True, slots=True)
class Variant:
    """What a group of tasks is drawn from; at most CODED_COLUMNS categories, and they come first."""

    train: np.ndarray  # [rows, F]
    normal: np.ndarray
    anomalous: np.ndarray
    category: np.ndarray  # [F]
    direction: np.ndarray  # [F]
    contamination: float = 0.0  # the highest share of anomalies in a context


def draw_variant(
    sets: Sequence[TaskSet],
    recipe: Recipe,
    columns: int,
    rng: np.random.Generator,
    tables: Sequence[Table] = (),
) -> Variant:
    """A set, a slice of a table or a synthetic set, seen in a random way through at most `columns` columns."""
    prior = not (sets or tables) or rng.random() < recipe.priors
    drawn = draw_set(rng) if prior else _real(sets, tables, recipe, rng)
    parts = [_some(rows, rng) for rows in (drawn.train, drawn.normal, drawn.anomalous)]
    width = drawn.train.shape[1]
    chosen = rng.permutation(width)[:columns]
    if width > 1 and rng.random() < 0.4:
        chosen = chosen[: rng.integers(1, len(chosen) + 1)]
    parts = [rows[:, chosen] for rows in parts]
    if not prior and rng.random() < recipe.synthetic:
        base = np.nan_to_num(parts[1])
        parts[2] = distort(rng, base, np.nan_to_num(parts[0]), rng.uniform(0.1, 0.9))
    if not prior and rng.random() < recipe.mixed:
        parts = _mixed(parts, columns, rng)
    category, direction = np.zeros(parts[0].shape[1]), np.zeros(parts[0].shape[1])
    if rng.random() < recipe.categories:
        parts, category = _coded(parts, rng)
    if rng.random() < recipe.directed:
        direction = _direction(parts, rng) * (1 - category)
    if rng.random() < recipe.missing:
        share = rng.uniform(0, 0.3)
        parts = [np.where(rng.random(rows.shape) < share, np.nan, rows) for rows in parts]
    train, normal, anomalous = (rows.astype(np.float32) for rows in parts)
    often, most = (
        (recipe.spoilt_priors, recipe.prior_contamination)
        if prior
        else (recipe.contaminated, recipe.contamination)
    )
    contamination = most if rng.random() < often else 0.0
    return Variant(train, normal, anomalous, category, direction, contamination)


def _real(
    sets: Sequence[TaskSet], tables: Sequence[Table], recipe: Recipe, rng: np.random.Generator
) -> TaskSet:
    """One of `sets`, at times sliced anew, or a slice of one of `tables`; tables that can't be sliced are left out."""
    if tables and (not sets or rng.random() < recipe.tables):
        for number in rng.permutation(len(tables)).tolist():
            found = slice_rows(tables[number].name, tables[number].rows, rng)
            if found:
                return found
    one = sets[int(rng.integers(len(sets)))]
    if recipe.sliced and rng.random() < recipe.sliced:
        also = [one.anomalous] if rng.random() < 0.5 else []
        return slice_rows(one.name, np.concatenate([one.train, one.normal, *also]), rng) or one
    return one


def _some(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.permutation(len(rows))[:ROWS]].astype(np.float64)


def _mixed(parts: list[np.ndarray], columns: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Sparse random linear combinations of the standardised columns, at times with noise and squashed."""
    known = np.nan_to_num(parts[0])
    mean, scale = known.mean(0), known.std(0)
    scale = np.where(scale < 1e-6 * (np.abs(mean) + 1e-6), 1, scale)
    width = parts[0].shape[1]
    into = int(rng.integers(max(1, width // 2), columns + 1))
    mixing = rng.standard_normal((width, into)) * (rng.random((width, into)) < rng.uniform(0.15, 1))
    noise, squashed = rng.uniform(0, 0.3) * (rng.random() < 0.5), rng.random() < 0.4

    def change(rows: np.ndarray) -> np.ndarray:
        mixed = np.nan_to_num(np.clip((rows - mean) / scale, -30, 30)) @ mixing
        mixed = mixed + noise * rng.standard_normal(mixed.shape)
        return np.asarray(np.tanh(mixed / 2) if squashed else mixed)

    return [change(rows) for rows in parts]


def _coded(parts: list[np.ndarray], rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Turn one or two columns into categories with codes in no order, and put them first."""
    width = parts[0].shape[1]
    number = min(int(rng.integers(1, 3)), width)
    order = rng.permutation(width)
    parts = [rows[:, order].copy() for rows in parts]
    for column in range(number):
        values = np.nan_to_num(parts[0][:, column])
        if len(np.unique(values)) > MOST_VALUES:
            edges = np.quantile(values, np.linspace(0, 1, int(rng.integers(4, 13)))[1:-1])
            for rows in parts:
                rows[:, column] = np.searchsorted(edges, rows[:, column])
        codes = {value: rng.integers(1, 1 << 24) for rows in parts for value in np.unique(rows[:, column])}
        for rows in parts:
            rows[:, column] = [codes.get(value, 0) for value in rows[:, column]]
    return parts, (np.arange(width) < number).astype(float)


def _direction(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Say of each column which side the anomalies are on, where they mostly are on one; at times of all."""
    normal, anomalous = np.nan_to_num(parts[0]), np.nan_to_num(parts[2])
    middle, scale = np.median(normal, 0), normal.std(0) + 1e-9
    lean = np.tanh((anomalous - middle) / scale).mean(0) - np.tanh((normal - middle) / scale).mean(0)
    return np.asarray(np.sign(lean) * (np.abs(lean) > 0.1) * (rng.random(len(lean)) < rng.uniform(0.3, 1.0)))


def take(rows: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """`number` random rows, each once where there are enough."""
    if number <= len(rows):
        return rows[rng.permutation(len(rows))[:number]]
    return rows[rng.integers(len(rows), size=number)]
