"""A fixed evaluation of tasks with entities: windows of an entity's own, peers of all of them.

Drawn, with fixed seeds, from sets that training never saw and from the synthetic priors: entities with a level and
width of their own or from a stretch of one column, new ones with few rows, anomalies against the entity, against
everyone, or both. Each scorer is also given only the window, and only the peers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from export.evaluate import plain_inputs
from export.metrics import auroc, standard_error
from export.rivals import knn
from export.tasks.batches import draw_batch
from export.tasks.contexts import Layout
from export.tasks.sets import TaskSet
from export.tasks.variants import Recipe

LAYOUT = Layout(groups=20, contexts=1, rows=32, peers=64)
RECIPE = Recipe(
    priors=0.3, sliced=0.0, missing=0.0, categories=0.0, directed=0.0, contaminated=0.0, entities=1.0
)
BATCHES = 15
SEED = 71


def evaluate_entities(
    score: Callable[[Mapping[str, np.ndarray]], np.ndarray], sets: Sequence[TaskSet]
) -> dict[str, dict[str, float]]:
    """AUROC of the model and of kNN, given both, only the window, only the peers, and how far "both" is ahead."""
    found: dict[str, list[float]] = {
        name: [] for name in ("both", "window", "peers", "knn window", "knn peers")
    }
    anomalous = np.arange(2 * LAYOUT.queries) >= LAYOUT.queries
    for number in range(BATCHES):
        batch = draw_batch(list(sets), LAYOUT, RECIPE, np.random.default_rng([SEED, number]))
        for at in range(LAYOUT.groups):
            width = int(batch.used[at].sum())
            window = batch.window[at, :width, batch.window_mask[at] > 0]
            peers = batch.peers[at, :width, batch.peers_mask[at] > 0]
            query, none = batch.query[at, :, :width], np.zeros((0, width))
            if not len(peers):
                continue
            contexts = {"both": (window, peers), "window": (window, none), "peers": (none, peers)}
            scores = {name: score(plain_inputs(query, *rows)) for name, rows in contexts.items()}
            scores["knn window"] = knn(window, query) if len(window) else np.zeros(len(query))
            scores["knn peers"] = knn(peers, query)
            for name, values in scores.items():
                found[name].append(auroc(values, anomalous))
    both = np.array(found["both"])
    return {
        name: {
            "auroc": float(np.mean(values)),
            "both_ahead": float((both - values).mean()),
            "se": standard_error(both - np.array(values)) if name != "both" else 0.0,
        }
        for name, values in found.items()
    }
