"""What a model says of rows that are kept: each in its entity's window and among its partition's peers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.experience.rows import Rows
from stream.epochs import EPOCH, epochs
from stream.peers import PeerSample
from stream.profile import Profile
from stream.scorer import Scorer
from stream.windows import Windows


class RowScorer:
    """Scores one source partition's rows as the worker's detector scores their events, as long as there is no verdict.

    Features of kind verdicts, which no row tells, are 0 as nobody has given any.
    """

    def __init__(self, profile: Profile, scorer: Scorer, max_keys: int) -> None:
        self._scorer = scorer
        self._unjudged = [profile.features[owner].kind == "verdicts" for owner in profile.column_owner]
        self._windows = Windows(profile.window, profile.columns, max_keys, EPOCH)
        self._peers = PeerSample(profile.peers, profile.columns)
        self._epoch = -1

    def on_rows(self, rows: Rows) -> NDArray[np.float32]:
        """The scores [B] of the partition's next rows."""
        row = np.where(self._unjudged, np.float32(0), rows.row)
        scores = [
            self._on_part(epoch, row[part], rows.entity[part], rows.time[part], rows.offset[part])
            for epoch, part in epochs(rows.offset)
        ]
        return np.concatenate(scores)

    def _on_part(
        self,
        epoch: int,
        row: NDArray[np.float32],
        entity: Sequence[str],
        time: NDArray[np.float64],
        offset: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        if epoch > self._epoch:
            self._windows.close_epoch()
            self._peers.close_epoch()
            self._epoch = epoch
        at = self._windows.place(entity, offset)
        score = self._scorer.score(row, self._windows.gather(at, row), self._peers.peers)
        self._windows.append(at, row, time, offset)
        self._peers.on_batch(row, offset)
        return score
