"""Inputs, made from a seed, that touch every clause of the contract: for golden files and for the checklist."""

from collections.abc import Mapping

import numpy as np

Inputs = Mapping[str, np.ndarray]


def draw_inputs(
    seed: int, *, events: int, rows: int, peers: int, columns: int, missing: float = 0.0, plain: bool = False
) -> dict[str, np.ndarray]:
    """One call's inputs (axes as in the contract).

    Columns have scales from 0.01 to 1,000, every third is a category and every fourth has a direction. Windows
    are partly filled and partly labelled, `missing` is the share of NaN. `plain` leaves all that out: numbers
    only, no direction, full windows, no labels.
    """
    rng = np.random.default_rng(seed)
    index = np.arange(columns)
    category = np.zeros(columns) if plain else (index % 3 == 2)
    direction = np.zeros(columns) if plain else np.where(index % 4 == 1, 1, np.where(index % 8 == 3, -1, 0))
    scale, centre = 10.0 ** rng.integers(-2, 4, columns), rng.normal(size=columns) * 3
    home = rng.normal(size=(events, 1, columns))

    def values(*shape: int, around: np.ndarray | float = 0.0) -> np.ndarray:
        number = (around + rng.normal(size=(*shape, columns)) + centre) * scale
        code = rng.choice([11.0, 7e6, 123457.0, 42.0], p=[0.6, 0.2, 0.15, 0.05], size=(*shape, columns))
        drawn = np.where(category, code, number)
        return np.where(rng.random(drawn.shape) < missing, np.nan, drawn).astype(np.float32)

    filled = np.full(events, rows) if plain else rng.integers(0, rows + 1, events)
    mask = (np.arange(rows) >= rows - filled[:, None]).astype(np.float32)
    labels = [0.0] if plain else [0.0] * 8 + [1.0, -1.0]
    return {
        "query": values(events, around=home[:, 0] * 1.5),
        "window": np.where(mask[:, :, None] > 0, values(events, rows, around=home), 0).astype(np.float32),
        "window_mask": mask,
        "window_label": rng.choice(labels, size=(events, rows)).astype(np.float32) * mask,
        "peers": values(peers),
        "peers_mask": (np.ones(peers) if plain else rng.random(peers) < 0.9).astype(np.float32),
        "peers_label": rng.choice(labels, size=peers).astype(np.float32),
        "category": category.astype(np.float32),
        "direction": direction.astype(np.float32),
    }


def golden_inputs() -> dict[str, dict[str, np.ndarray]]:
    """The cases that go into an artifact."""
    return {
        "both": draw_inputs(1, events=16, rows=24, peers=40, columns=6, missing=0.05),
        "peers-only": draw_inputs(2, events=8, rows=0, peers=40, columns=3, missing=0.05),
        "window-only": draw_inputs(3, events=8, rows=24, peers=0, columns=3, missing=0.05),
        "neither": draw_inputs(4, events=2, rows=0, peers=0, columns=2),
    }
