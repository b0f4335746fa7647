"""Training that can be taken up again: the state of each part as a plain .npz file."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

State = TypeVar("State")


class Checkpoint:
    """The newest state of each part of the run that `key` describes, in a folder of `folder` that is its own.

    folder: the run's own; None where nothing is kept
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self.folder = folder and folder / sha256(key.encode()).hexdigest()[:16]

    def save(self, part: str, step: int, state: object) -> None:
        """Write the state after `step` steps; a file is replaced as a whole or not at all."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        leaves = {f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        path = self.folder / f"{part}.npz"
        whole = path.with_suffix(".new.npz")
        np.savez(whole, allow_pickle=False, step=step, **leaves)
        whole.replace(path)

    def load(self, part: str, like: State) -> tuple[int, State]:
        """The step and state to go on from, shaped `like`; 0 and `like` itself if nothing was kept."""
        path = self.folder and self.folder / f"{part}.npz"
        if not path or not path.exists():
            return 0, like
        with np.load(path, allow_pickle=False) as archive:
            leaves: Iterable[np.ndarray] = [archive[f"leaf{i}"] for i in range(len(archive.files) - 1)]
            step = int(archive["step"])
        return step, jax.tree.unflatten(jax.tree.structure(like), leaves)
