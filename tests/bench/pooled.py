"""One threshold over many contexts: of each development set, and over all cards of a stream."""

from pathlib import Path

import click
import numpy as np

from export.evaluate import output_of, pooled
from export.metrics import auroc, average_precision
from export.rivals import RIVALS, Rival
from tests.bench.model_data import artifact_option, card_amounts, development_sets, model, model_bytes
from tests.bench.report import finish, say

CALLED = {"knn": "calibrated_knn", "robust_z": "robust_z"}
STEP = 1024


@click.command()
@artifact_option
def command(artifact: Path | None) -> None:
    """Pooled AUROC and average precision of the model, calibrated kNN and a robust z-score."""
    zero_shot = model(artifact)
    scorers: dict[str, Rival] = {
        "onsight": lambda rows, query: zero_shot(rows, np.zeros(len(rows)), query),
        **{name: RIVALS[rival] for name, rival in CALLED.items()},
    }
    sets = development_sets()
    result: dict[str, object] = {"sets": pooled(scorers, sets)}
    say(f"sets: {result['sets']}")
    result["contaminated"] = pooled(scorers, sets, contamination=0.1)
    say(f"contaminated: {result['contaminated']}")
    graph = model_bytes(artifact)
    result["cards_amount"] = cards(graph, high=True)
    say(f"cards, high amounts are strange: {result['cards_amount']}")
    result["cards_amount_both_sides"] = cards(graph, high=False)
    finish(result)


def cards(graph: bytes, *, high: bool) -> dict[str, dict[str, float]]:
    """The amount alone, against the card's own amounts before; all events under one threshold.

    With `high` only high amounts are strange, as the profiles of cards say. The model is told so; for the rivals, which
    know of no direction, an amount below the median of the card's is that median.
    """
    amount, rows, mask, fraud = card_amounts()
    score, ours = output_of(graph, "score"), []
    for start in range(0, len(amount), STEP):
        part = slice(start, start + STEP)
        ours.append(score(card_inputs(amount[part], rows[part], mask[part], high=high)))
    found = {"onsight": np.concatenate(ours)}
    for name, rival in CALLED.items():
        each = zip(amount, rows, mask, strict=True)
        found[name] = np.array([_one(RIVALS[rival], row[seen > 0], value, high) for value, row, seen in each])
    return {
        name: {"auroc": auroc(values, fraud), "ap": average_precision(values, fraud)}
        for name, values in found.items()
    }


def card_inputs(
    amount: np.ndarray, rows: np.ndarray, mask: np.ndarray, *, high: bool
) -> dict[str, np.ndarray]:
    """The contract's inputs: one number, windows of their own, no peers."""
    return {
        "query": amount[:, None],
        "window": rows[:, :, None].astype(np.float32),
        "window_mask": mask,
        "window_label": np.zeros_like(mask),
        "peers": np.zeros((0, 1), np.float32),
        "peers_mask": np.zeros(0, np.float32),
        "peers_label": np.zeros(0, np.float32),
        "category": np.zeros(1, np.float32),
        "direction": np.full(1, high, np.float32),
    }


def _one(rival: Rival, rows: np.ndarray, amount: float, high: bool) -> float:
    if len(rows) < 2:
        return 0.0
    asked = max(amount, float(np.median(rows))) if high else amount
    return float(rival(rows[:, None], np.array([[asked]]))[0])
