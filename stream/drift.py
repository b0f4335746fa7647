"""Whether a partition's values are distributed as they were, feature by feature, and the scores as well.

One event in 8, drawn by its offset, is looked at. What it is held against, the live model's manifest may say for this
profile (`drift_reference`). A model that was trained over many domains knows no distribution of this stream's features:
without one in the manifest the reference is the stream's own beginning, and that of the scores begins anew with every
live model. Features that the profile masks are in no manifest, and have their own beginning as the reference.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stream.drift_monitor import Monitor, Shift
from stream.drift_reference import Reference, told, watched
from stream.epochs import EPOCH
from stream.peers import drawn
from stream.profile import Profile
from stream.records import Record

DRAWN = 32  # of 256 events
SCORE = "model score"


@lru_cache(maxsize=256)
def _draw(epoch: int) -> NDArray[np.bool_]:
    """Which offsets of an epoch are looked at: [EPOCH]. Not those that peers draw."""
    return np.asarray(drawn(np.arange(epoch * EPOCH, (epoch + 1) * EPOCH) + (1 << 40)) < DRAWN)


class Drift:
    """What one partition watches: its features, and the live model's scores under the name of SCORE."""

    prefix = b"d"

    def __init__(self, profile: Profile) -> None:
        masked = [column for column in watched(profile) if column not in told(profile)]
        self._columns = {b"f": np.array(told(profile), np.intp), b"m": np.array(masked, np.intp)}
        self._monitors: dict[bytes, Monitor] = {}
        for kind, columns in self._columns.items():
            names = [profile.features[profile.column_owner[column]].name for column in columns]
            self._monitors[kind] = Monitor(self.prefix + kind, names, profile.category[columns] > 0)
        self._score = self._monitors[b"s"] = Monitor(self.prefix + b"s", [SCORE], np.zeros(1, bool))
        self.monitors = [monitor for monitor in self._monitors.values() if monitor.names]

    def on_batch(
        self, rows: NDArray[np.float32], score: NDArray[np.float32], offset: NDArray[np.int64]
    ) -> None:
        """Look at events of one epoch: rows [B, F], score [B], offset [B]."""
        if not len(offset):
            return
        epoch = int(offset[0]) // EPOCH
        chosen = np.flatnonzero(_draw(epoch)[offset - epoch * EPOCH])
        if len(chosen):
            self._score.look(score[chosen, None])
            for kind, columns in self._columns.items():
                if len(columns):
                    self._monitors[kind].look(rows[chosen[:, None], columns])

    def close_epoch(self) -> tuple[Shift, ...]:
        """The drifts that begin."""
        return tuple(shift for monitor in self.monitors for shift in monitor.close_epoch())

    def new_model(self, reference: Reference | None) -> None:
        """Another model's scores come from here on, and what its manifest says of this profile, if anything."""
        self.new_scores()
        if reference is None:
            return
        features = self._monitors[b"f"]
        features.hold_against([reference.features[name].histogram for name in features.names])
        if reference.score:
            self._score.hold_against([reference.score.histogram])

    def new_scores(self) -> None:
        """The scores of before say nothing of those to come."""
        self._score.restart()

    def changes(self) -> list[Record]:
        """What changed since the last call."""
        return [record for monitor in self.monitors for record in monitor.changes()]

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one record back. Raises StateError."""
        self._monitors[key[1:2]].restore(key[2:], value)
