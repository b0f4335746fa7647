"""Verdicts in training tasks: which anomalies are one kind, what hides them, and rows that somebody has judged."""

from dataclasses import replace

import numpy as np

from export.tasks.variants import Variant, take

MOST_LABELLED = 128
MOST_IN_A_WINDOW = 10
FEWEST_OF_A_KIND = 16


def veiled(variant: Variant, columns: int, rng: np.random.Generator) -> Variant:
    """At times a variant whose anomalies are of one kind only, or show in few of its columns.

    Of one kind are the anomalies near a random one. The other columns get values of random normal rows, or one is
    added that is 0 but for few normal rows and a share of the anomalies, as a count of earlier verdicts is.
    """
    if rng.random() < 0.35:
        variant = replace(variant, anomalous=_one_kind(variant.anomalous, variant.train, rng))
    chance = rng.random()
    if chance < 0.2:
        return _among_noise(variant, rng)
    if chance < 0.35 and variant.train.shape[1] < columns:
        return _with_risk(variant, rng)
    return variant


def confirm(
    rows: np.ndarray,
    mask: np.ndarray,
    label: np.ndarray,
    anomalous: np.ndarray,
    normal: np.ndarray,
    rng: np.random.Generator,
    most: int,
) -> None:
    """Put up to `most` confirmed anomalies over the last rows of `rows` [F, M], at times confirmed normal ones before.

    `mask` and `label` are [M]; half of the time one to ten anomalies are confirmed, as is soon the case.
    """
    most = min(most, len(mask))
    few = most <= MOST_IN_A_WINDOW or rng.random() < 0.6
    known = _count(min(most, MOST_IN_A_WINDOW) if few else most // 2, rng)
    cleared = 0 if rng.random() < 0.5 else _count(most // 2, rng)
    if cleared and rng.random() < 0.5:
        cleared = known
    cleared = min(cleared, most - known)
    judged = np.concatenate([take(normal, cleared, rng), take(anomalous, known, rng)])
    number = len(judged)
    rows[:, len(mask) - number :] = 0
    rows[: judged.shape[1], len(mask) - number :] = judged.T
    mask[len(mask) - number :] = 1
    label[len(mask) - number :] = np.where(np.arange(number) < cleared, -1, 1)


def _count(most: int, rng: np.random.Generator) -> int:
    """1 to `most`, each size as likely as its double."""
    return min(most, int(np.exp(rng.uniform(0, np.log(most + 1.0)))))


def _one_kind(anomalous: np.ndarray, train: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    known = np.nan_to_num(train)
    scale = known.std(0) + 1e-9
    apart = np.clip(
        (np.nan_to_num(anomalous) - np.nan_to_num(anomalous[rng.integers(len(anomalous))])) / scale, -5, 5
    )
    number = max(FEWEST_OF_A_KIND, int(len(anomalous) * rng.uniform(0.1, 0.5)))
    return anomalous[np.argsort((apart**2).sum(1), kind="stable")[:number]]


def _among_noise(variant: Variant, rng: np.random.Generator) -> Variant:
    width = variant.train.shape[1]
    told = rng.permutation(width)[: int(rng.integers(1, 3))]
    noise = ~np.isin(np.arange(width), told)

    def hidden(rows: np.ndarray) -> np.ndarray:
        return np.where(noise, take(variant.train, len(rows), rng), rows)

    return replace(variant, normal=hidden(variant.normal), anomalous=hidden(variant.anomalous))


def _with_risk(variant: Variant, rng: np.random.Generator) -> Variant:
    usual, strange = rng.uniform(0, 0.1), rng.uniform(0.2, 1.0)
    scale = rng.uniform(1.0, 4.0)

    def beside(rows: np.ndarray, share: float, size: float) -> np.ndarray:
        risk = (rng.random(len(rows)) < share) * rng.exponential(size, len(rows))
        return np.concatenate([rows, risk[:, None].astype(np.float32)], 1)

    return Variant(
        beside(variant.train, usual, 1.0),
        beside(variant.normal, usual, 1.0),
        beside(variant.anomalous, strange, scale),
        np.append(variant.category, 0.0),
        np.append(variant.direction, 0.0),
    )
