"""The scores of a partition's open epoch, and from which of them on they are made with other labels."""

import struct

import numpy as np
from numpy.typing import NDArray

from stream.versioned import unpack_head

ENOUGH = 128  # scores with other labels that say whether those have changed them

_VERSION = 3
_HEAD = struct.Struct("<Bi")
_SCORED = np.dtype([("score", "<f4"), ("time", "<f8")])


class OpenEpoch:
    def __init__(self, packed: bytes = b"") -> None:
        """`packed`: what `pack` gave. Raises StateError."""
        self._scored = bytearray(packed[_HEAD.size :])
        self._relabelled = -1  # the first score made with other labels; -1: none is
        if packed:
            (self._relabelled,) = unpack_head(_HEAD, packed, _VERSION, "the policy's open epoch")

    def __len__(self) -> int:
        return len(self._scored) // _SCORED.itemsize

    def add(self, score: NDArray[np.float32], time: NDArray[np.float64]) -> None:
        """Take the next scores [B] and event times [B]."""
        scored = np.empty(len(score), _SCORED)
        scored["score"], scored["time"] = score, time
        self._scored += scored.tobytes()

    def relabel(self) -> None:
        """The scores to come are made with other labels."""
        self._relabelled = len(self)

    def close(self) -> tuple[NDArray[np.void], NDArray[np.void] | None]:
        """All scores with their times (fields score and time, [N]), and those of them that are made with other labels.

        None where there are none, or too few to tell yet: then the next epoch gives them.
        """
        scored = np.frombuffer(bytes(self._scored), _SCORED)
        self._scored.clear()
        if self._relabelled < 0:
            return scored, None
        fresh = scored[self._relabelled :]
        self._relabelled = -1 if len(fresh) >= ENOUGH else 0
        return scored, fresh if self._relabelled < 0 else None

    def pack(self) -> bytes:
        return _HEAD.pack(_VERSION, self._relabelled) + self._scored
