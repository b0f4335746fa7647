"""The whole product as one synchronous step for one partition: events in, decisions and changed state out.

Everything that a score depends on lives here and stands at one source offset. What changes for all events at once
(evictions, peers, the reference of the p-values) changes between epochs only, and an epoch is a stretch of 512
offsets: so neither the size of a batch nor a restart changes a score.
"""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from stream.alerts import Alert, Source, build
from stream.context import Context, Peers
from stream.epochs import EPOCH, by_epoch
from stream.errors import StateError
from stream.events import EventBatch
from stream.features import Features
from stream.feedback import Feedback
from stream.known_verdicts import Heard
from stream.peers import PeerSample
from stream.policy import Judgement, Policy
from stream.profile import Profile
from stream.reasons import explain
from stream.records import Record
from stream.scorer import Scorer
from stream.verdict import Verdict
from stream.verdict_row import row_of
from stream.windows import Windows

VERSION = 1
_STATE = struct.Struct("<Bqq16s")
STATE_KEY = b"s"


@dataclass(frozen=True, slots=True)
class Decisions:
    """What became of B events: offset int64 [B], score float32 [B], p_value float64 [B], and the alerts that leave."""

    offset: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    alerts: tuple[Alert, ...]


class Restorable(Protocol):
    """A room whose state comes back record by record."""

    def restore(self, key: bytes, value: bytes | None) -> None: ...


def nothing(_stage: str) -> None:
    """The lap of a detector that nobody times."""


class Detector:
    """One partition's windows, rates, peers and policy, behind one scorer.

    offset: source offset up to which (inclusive) this state has seen everything; -1 before the first event
    lap:    called with the name of each stage as it ends, for whoever times them
    """

    def __init__(
        self,
        profile: Profile,
        scorer: Scorer,
        source: Source,
        *,
        share: float = 1.0,
        max_keys: int = 100_000,
        lap: Callable[[str], None] = nothing,
    ) -> None:
        self.profile, self.scorer, self.source = profile, scorer, source
        self.offset = self._epoch = -1
        self.windows = Windows(profile.window, profile.columns, max_keys, EPOCH)
        self.features = Features(profile, max_keys, EPOCH)
        self.peers = PeerSample(profile.peers, profile.columns)
        self.policy = Policy(profile.alerts, share)
        self.feedback = Feedback(profile.columns, 0)
        self._joined: tuple[Peers, Peers, Peers] | None = None
        self._written = -1
        self._unheard = False  # verdicts that no changelog has yet
        self._lap = lap

    def on_batch(self, batch: EventBatch, upto: int) -> Decisions:
        """Score a batch that reaches to offset `upto` (bad records at its end included)."""
        parts = [self._on_part(part, epoch) for epoch, part in by_epoch(batch)]
        self.offset = max(upto, self.offset)
        return _join(parts)

    def _on_part(self, batch: EventBatch, epoch: int) -> Decisions:
        """Score events of one epoch."""
        if epoch > self._epoch:
            self._close_epoch()
            self._epoch = epoch
        at = self.windows.place(batch.entity, batch.offset)
        rows = self.features.on_batch(batch, self.windows.elapsed(at, batch.time))
        self._lap("features")
        context = self.windows.gather(at, rows)
        self._lap("gather")
        score = self.scorer.score(rows, context, self._peers())
        self._lap("score")
        judgement = self.policy.on_batch(score, batch.time, batch.entity)
        self._lap("policy")
        alerts = self._alerts(batch, rows, context, score, judgement)
        self._lap("alerts")
        self.windows.append(at, rows, batch.time, batch.offset)
        self.peers.on_batch(rows, batch.offset)
        self._lap("append")
        return Decisions(batch.offset, score, judgement.p_value, alerts)

    def _close_epoch(self) -> None:
        self.windows.close_epoch()
        self.features.close_epoch()
        self.peers.close_epoch()
        self.policy.close_epoch()

    def _alerts(
        self, batch: EventBatch, rows: np.ndarray, context: Context, score: np.ndarray, judgement: Judgement
    ) -> tuple[Alert, ...]:
        chosen = np.flatnonzero(judgement.alert)
        if not len(chosen):
            return ()
        theirs, peers = context.take(chosen), self.peers.peers
        attribution = self.scorer.attribute(rows[chosen], theirs, self._peers())
        alerts = []
        for i, event in enumerate(chosen.tolist()):
            fields = {path: column[event] for path, column in batch.fields.items()}
            reasons, evidence = explain(
                self.profile,
                fields,
                rows[event],
                window=theirs.window[i],
                mask=theirs.mask[i],
                peers=peers.rows,
                peers_mask=peers.mask,
                attribution=attribution[i],
            )
            alerts.append(
                build(
                    self.profile,
                    fields,
                    rows[event],
                    entity=batch.entity[event],
                    time=float(batch.time[event]),
                    source=self.source,
                    offset=int(batch.offset[event]),
                    score=float(score[event]),
                    p_value=float(judgement.p_value[event]),
                    threshold=judgement.threshold,
                    severity=judgement.severity[i],
                    related=judgement.related[i],
                    model=self.scorer,
                    reasons=reasons,
                    evidence=evidence,
                )
            )
        return tuple(alerts)

    def _peers(self) -> Peers:
        """The sample, and the labelled rows behind it."""
        sample, labelled = self.peers.peers, self.feedback.labelled
        if not len(labelled.rows):
            return sample
        if self._joined is None or self._joined[0] is not sample or self._joined[1] is not labelled:
            pairs = ((getattr(one, name) for one in (sample, labelled)) for name in ("rows", "mask", "label"))
            self._joined = sample, labelled, Peers(*(np.concatenate(list(pair)) for pair in pairs))
        return self._joined[2]

    def on_verdicts(self, news: Sequence[Heard]) -> Counter[str]:
        """Apply verdicts that came, between two runs of events; those heard before change nothing.

        Returns how many of this partition's had which outcome: applied, changed (an earlier one), duplicate, late (a
        later one was given, or the event's row has left its window) and unknown (no event of this topic is named, or
        one that has not been seen; partition 0 counts those of other topics).
        """
        outcomes: Counter[str] = Counter()
        for heard in news:
            if heard.offset <= self.feedback.heard.get(heard.partition, -1):
                continue
            self.feedback.hear(heard.partition, heard.offset)
            self._unheard = True
            outcome, verdict = self._apply(heard.verdict), heard.verdict
            foreign = verdict.source is None or verdict.source.topic != self.source.topic
            if verdict.source == self.source or (foreign and self.source.partition == 0):
                outcomes[outcome] += 1
        return outcomes

    def _apply(self, verdict: Verdict) -> str:
        before = self.feedback.find(verdict.subject)
        if before is not None and before.label == verdict.label:
            return "duplicate"
        if before is not None and before.at > verdict.at:
            return "late"
        row = row_of(self.profile, verdict.features)
        self.feedback.add(verdict.subject, verdict.label, verdict.at, row, np.empty(0, np.float32))
        if verdict.source != self.source or verdict.offset > self.offset:
            return "unknown"
        hidden = self.profile.entity in self.profile.masked
        if not self.windows.judge(verdict.offset, verdict.label, None if hidden else verdict.entity):
            return "late"
        return "applied" if before is None else "changed"

    def changes(self) -> list[Record]:
        """What changed since the last call, and the offset that it stands at: one record batch for the changelog."""
        if self.offset == self._written and not self._unheard:
            return []
        self._written, self._unheard = self.offset, False
        state = _STATE.pack(VERSION, self.offset, self._epoch, _layout(self.profile))
        rooms = (self.windows, self.features, self.peers, self.policy, self.feedback)
        return [*(record for room in rooms for record in room.changes()), (STATE_KEY, state)]

    def restore(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Read a run of changelog records, oldest first. Raises StateError when they are of another profile."""
        rooms: dict[bytes, Restorable] = {
            Features.prefix: self.features,
            PeerSample.prefix: self.peers,
            Policy.prefix: self.policy,
        }
        blocks: list[int] = []
        verdicts: dict[bytes, bytes | None] = {}
        for i, (key, value) in enumerate(zip(keys, values, strict=True)):
            kind = key[:1]
            if kind == Windows.prefix:
                blocks.append(i)
            elif kind == Feedback.prefix:
                verdicts[key] = value
            elif kind == STATE_KEY:
                self._restore_offset(value or b"")
            else:
                rooms[kind].restore(key, value)
        if verdicts:
            self.feedback.restore(verdicts)
        self.windows.restore([keys[i] for i in blocks], [values[i] for i in blocks])

    def _restore_offset(self, value: bytes) -> None:
        found = _STATE.unpack(value) if len(value) == _STATE.size else (value[:1], 0, 0, b"")
        version, offset, epoch, layout = found
        if version != VERSION or layout != _layout(self.profile):
            raise StateError(
                f"changelog of {self.source.topic}[{self.source.partition}]: its state was written by version "
                f"{version} for another set of features than profile {self.profile.name!r} has now; set a new "
                "application_id to start with empty state, or bring the profile back"
            )
        self.offset = self._written = offset
        self._epoch = epoch


def _layout(profile: Profile) -> bytes:
    """A digest of all that stored rows depend on."""
    features = [(f.kind, f.field, f.transform, f.seconds, f.of) for f in profile.features]
    return blake2b(repr((features, profile.window, profile.peers)).encode(), digest_size=16).digest()


def _join(parts: Sequence[Decisions]) -> Decisions:
    if len(parts) == 1:
        return parts[0]
    return Decisions(
        np.concatenate([np.empty(0, np.int64), *(part.offset for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.score for part in parts)]),
        np.concatenate([np.empty(0), *(part.p_value for part in parts)]),
        tuple(alert for part in parts for alert in part.alerts),
    )
