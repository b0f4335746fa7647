"""Events to feature rows: transforms, time since the entity's last event, and rates, as the profile says."""

import numpy as np

from stream.counts import Counts
from stream.days import DAY
from stream.events import EventBatch
from stream.feature import Feature
from stream.feedback import Feedback
from stream.profile import Profile
from stream.records import Record
from stream.transforms import transform


class Features:
    """One partition's feature state (the rate counters), and the one step that makes rows of events.

    `feedback` is the partition's, of which features of kind verdicts tell; None: nobody gives any.
    """

    prefix = b"c"

    def __init__(self, profile: Profile, max_keys: int, epoch: int, feedback: Feedback | None = None) -> None:
        self.profile = profile
        self._feedback = Feedback(profile.columns, len(profile.judged)) if feedback is None else feedback
        self._counts = {
            index: Counts(self.prefix + bytes((index,)), feature.seconds, max_keys, epoch)
            for index, feature in enumerate(profile.features)
            if feature.kind == "rate"
        }

    def on_batch(self, batch: EventBatch, since: np.ndarray) -> np.ndarray:
        """Feature rows, float32 [B, F], NaN where unknown.

        `since`: float64 [B], seconds since the event before of the same entity, NaN for its first. Deviations are
        unknown yet: they need the events' windows, which need the rows (`fill_deviations`).
        """
        rows = np.empty((len(batch), self.profile.columns), np.float32)
        column = 0
        for index, feature in enumerate(self.profile.features):
            if feature.kind == "time_of_day":
                angle = (batch.time % DAY) * (2 * np.pi / DAY)
                rows[:, column], rows[:, column + 1] = np.sin(angle), np.cos(angle)
            else:
                rows[:, column] = self._column(index, feature, batch, since)
            column += feature.columns
        return rows

    def _column(self, index: int, feature: Feature, batch: EventBatch, since: np.ndarray) -> np.ndarray:
        if feature.kind == "category":
            return batch.codes[feature.field or ""]
        if feature.kind == "elapsed":
            return transform(feature, since)
        if feature.kind == "rate":
            return transform(feature, self._rate(self._counts[index], feature, batch))
        if feature.kind == "verdicts":
            return transform(feature, self._verdicts(feature, batch))
        if feature.kind == "deviation":
            return np.full(len(batch), np.nan)
        return transform(feature, batch.numbers[feature.field or ""])

    def _rate(self, counts: Counts, feature: Feature, batch: EventBatch) -> np.ndarray:
        if feature.of == "entity":
            return counts.on_batch(batch.entity, batch.time, batch.offset)
        if feature.of == "all":
            return counts.on_batch([""] * len(batch), batch.time, batch.offset)
        code = batch.codes[feature.field or ""]
        known = np.flatnonzero(~np.isnan(code))
        rate = np.full(len(batch), np.nan)
        keys = [str(value) for value in code[known].astype(np.int64).tolist()]
        rate[known] = counts.on_batch(keys, batch.time[known], batch.offset[known])
        return rate

    def _verdicts(self, feature: Feature, batch: EventBatch) -> np.ndarray:
        """What the value is known for: fading counts of verdicts, or the share that confirmed, among one more."""
        path = feature.field or ""
        field, code = self.profile.judged.index(path), batch.codes[path]

        def given(label: int) -> np.ndarray:
            return self._feedback.known_for(field, label, code, batch.time, feature.fading)

        if feature.of == "dismissed":
            return given(-1)
        confirmed = given(1)
        return confirmed / (confirmed + given(-1) + 1.0) if feature.of == "share" else confirmed

    def close_epoch(self) -> None:
        """Forget the keys least recently seen above the bound."""
        for counts in self._counts.values():
            counts.close_epoch()

    def changes(self) -> list[Record]:
        """The rate counters touched since the last call."""
        return [record for counts in self._counts.values() for record in counts.changes()]

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Read one counter back; the second byte of its key is its feature's place in the profile."""
        self._counts[key[1]].restore(key, value)
