"""Events to the rows that the model saw of them, partition by partition, without scoring them again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from export.experience.columns import hidden_columns
from stream.alerts import hidden_entity
from stream.epochs import EPOCH, by_epoch
from stream.events import EventBatch
from stream.features import Features
from stream.profile import Profile
from stream.records import Record
from stream.windows import Windows

EPOCH_KEY = b"e"


@dataclass(frozen=True, slots=True)
class Rows:
    """B events: offset int64 [B], entity [B] (hidden where masked), time float64 [B] in seconds, row float32 [B, F]."""

    offset: np.ndarray
    entity: Sequence[str]
    time: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.offset)


class RowMaker:
    """One source partition's features with the state behind them: the same rows as in the worker's detector.

    Its state and its rows name entities by their hash where the profile masks them. Columns that are left out are NaN.
    """

    def __init__(self, profile: Profile, max_keys: int) -> None:
        self._hide = profile.entity in profile.masked
        self._hidden = hidden_columns(profile)
        self._features = Features(profile, max_keys, EPOCH)
        self._times = Windows(0, 0, max_keys, EPOCH, block=1)  # only when each entity was last seen
        self._epoch = -1

    def on_batch(self, batch: EventBatch) -> list[Rows]:
        """Rows of the partition's next events, in one or more parts."""
        if self._hide:
            batch = replace(batch, entity=[hidden_entity(entity) for entity in batch.entity])
        return [self._on_part(part, epoch) for epoch, part in by_epoch(batch)]

    def _on_part(self, batch: EventBatch, epoch: int) -> Rows:
        if epoch > self._epoch:
            self._times.close_epoch()
            self._features.close_epoch()
            self._epoch = epoch
        at = self._times.place(batch.entity, batch.offset)
        row = self._features.on_batch(batch, self._times.elapsed(at, batch.time))
        self._times.append(at, row[:, :0], batch.time, batch.offset)
        row[:, self._hidden] = np.nan
        return Rows(batch.offset, batch.entity, batch.time, row)

    def changes(self) -> list[Record]:
        """What changed in the state since the last call."""
        epoch = (EPOCH_KEY, self._epoch.to_bytes(8, "little", signed=True))
        return [*self._times.changes(), *self._features.changes(), epoch]

    def restore(self, records: Sequence[Record]) -> None:
        """Read back all that `changes` gave, oldest first. Raises StateError when another version wrote it."""
        times = [(key, value) for key, value in records if key[:1] == Windows.prefix]
        self._times.restore([key for key, _ in times], [value for _, value in times])
        for key, value in records:
            if key[:1] == Features.prefix:
                self._features.restore(key, value)
            elif key == EPOCH_KEY and value:
                self._epoch = int.from_bytes(value, "little", signed=True)
