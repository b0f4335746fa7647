"""What the model sees beside the event itself: its entity's window, and the partition's peers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Context:
    """Each event's own context.

    window: float32 [B, R, F], oldest first, padded with zeros in front
    mask:   float32 [B, R], 1 where a row is present
    label:  float32 [B, R], 0 unlabelled, 1 confirmed anomaly, -1 confirmed normal
    """

    window: np.ndarray
    mask: np.ndarray
    label: np.ndarray

    def take(self, index: np.ndarray) -> "Context":
        """The contexts of some events (int64 [K])."""
        return Context(self.window[index], self.mask[index], self.label[index])


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """A reference sample that a whole batch shares. Told apart by identity: its arrays are never written to.

    rows:  float32 [P, F]
    mask:  float32 [P], 1 where a row is present
    label: float32 [P], as in a window
    """

    rows: np.ndarray
    mask: np.ndarray
    label: np.ndarray
