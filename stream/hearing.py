"""What one partition makes of verdicts: labels in its windows, and what it knows from then on."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from stream.alerts import Source
from stream.feedback import Feedback
from stream.known_verdicts import Heard
from stream.profile import Profile
from stream.verdict import Verdict
from stream.verdict_row import codes_of, row_of
from stream.windows import Windows

OUTCOMES = ("applied", "changed", "duplicate", "late", "unknown")


class Hearing:
    """Applies verdicts to a partition's windows and feedback. One that was applied before changes nothing."""

    def __init__(self, profile: Profile, source: Source, windows: Windows, feedback: Feedback) -> None:
        self._profile, self._source = profile, source
        self._windows, self._feedback = windows, feedback

    def on_verdicts(self, news: Sequence[Heard], upto: int) -> Counter[tuple[str, str]]:
        """Apply verdicts; events up to source offset `upto` have been seen.

        Returns how many of this partition's had which verdict and outcome: applied, changed (an earlier one),
        duplicate, late (a later one was given, or the event's row has left its window) and unknown (no event of this
        topic is named, or one that has not been seen; partition 0 counts those of other topics).
        """
        outcomes: Counter[tuple[str, str]] = Counter()
        for heard in news:
            self._feedback.hear(heard.partition, heard.mark)
            outcome, verdict = self._apply(heard.verdict, upto), heard.verdict
            foreign = verdict.source is None or verdict.source.topic != self._source.topic
            if verdict.source == self._source or (foreign and self._source.partition == 0):
                outcomes[verdict.verdict, outcome] += 1
        return outcomes

    def _apply(self, verdict: Verdict, upto: int) -> str:
        before = self._feedback.find(verdict.subject)
        if before is not None and before.label == verdict.label:
            return "duplicate"
        if before is not None and before.at > verdict.at:
            return "late"
        ours = verdict.source == self._source and verdict.offset <= upto
        own = self._judge(verdict) if ours else None
        row = row_of(self._profile, verdict.features)
        if own is not None:
            row = np.where(np.isnan(row), own, row)  # what the verdict does not tell
        codes = codes_of(self._profile, verdict.event)
        self._feedback.add(verdict.subject, verdict.label, verdict.at, row, codes)
        if not ours:
            return "unknown"
        if own is None:
            return "late"
        return "applied" if before is None else "changed"

    def _judge(self, verdict: Verdict) -> np.ndarray | None:
        """Label the event's row in its window; the row [F], None where it has left."""
        hidden = self._profile.entity in self._profile.masked
        return self._windows.judge(verdict.offset, verdict.label, None if hidden else verdict.entity)
