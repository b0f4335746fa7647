"""What a task is made of: one reference's rows, and who gives them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from export.tasks.variants import Recipe, Variant

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
