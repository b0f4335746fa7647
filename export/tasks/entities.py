"""Contexts that belong to an entity: its rows differ from the others', and what is usual elsewhere is strange here."""

import numpy as np

from export.tasks.contexts import Rows
from export.tasks.variants import Variant, take


def shifted(variant: Variant, rows: Rows, rng: np.random.Generator) -> Rows:
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


def block(variant: Variant, rows: Rows, rng: np.random.Generator) -> Rows:
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
