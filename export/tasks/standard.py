"""Tasks of the standard mix: contexts of one set, real or synthetic, seen in a random way."""

from dataclasses import dataclass

import numpy as np

from export.tasks.contexts import FEWEST_ROWS, Layout, Rows
from export.tasks.entities import block, shifted
from export.tasks.variants import Recipe, Variant, take


@dataclass(frozen=True, slots=True)
class Standard:
    """A group of contexts of one variant of a set."""

    variant: Variant
    layout: Layout
    recipe: Recipe

    def rows(self, anomalous: np.ndarray, rng: np.random.Generator) -> Rows:
        """One context with its queries, those of the anomalies out of `anomalous` [rows, F].

        All rows are of one kind, or, with peers, the window is at times an entity's own.
        """
        variant, layout = self.variant, self.layout
        size = layout.rows if rng.random() < 0.6 else int(rng.integers(FEWEST_ROWS, layout.rows + 1))
        others = 0
        if layout.peers:
            size = int(rng.integers(0, 9)) if rng.random() < 0.3 else size
            others = int(rng.integers(FEWEST_ROWS, layout.peers + 1)) if rng.random() < 0.9 else 0
        rows = Rows(
            window=take(variant.train, size, rng),
            peers=take(variant.train, others, rng) if layout.peers else variant.train[:0],
            normal=take(variant.normal, layout.queries, rng),
            anomalous=take(anomalous, layout.queries, rng),
        )
        if layout.peers and rng.random() < self.recipe.entities:
            rows = (shifted if rng.random() < 0.5 else block)(variant, rows, rng)
        return _contaminated(rows, anomalous, variant.contamination, rng)


def _contaminated(rows: Rows, anomalous: np.ndarray, most: float, rng: np.random.Generator) -> Rows:
    """Up to `most` of the rows of the window are anomalies that nobody has noticed."""
    if not most:
        return rows
    number = int(rng.uniform(0, most) * len(rows.window))
    kinds = anomalous if rng.random() < 0.5 else anomalous[:4]
    window = rows.window.copy()
    window[rng.permutation(len(window))[:number]] = take(kinds, number, rng)
    return Rows(window, rows.peers, rows.normal, rows.anomalous)
