"""The whole product as one synchronous step for one partition: events in, decisions and changed state out.

Everything that a score depends on lives here and stands at one source offset. What changes for all events at once
(evictions, peers, the reference of the p-values) changes between epochs only, and an epoch is a stretch of 512
offsets: so neither the size of a batch nor a restart changes a score.
"""

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Protocol

import numpy as np

from stream.alerting import Alerting, Scene
from stream.alerts import Source
from stream.context import Context, Peers
from stream.decisions import Decisions, joined
from stream.deviation import fill_deviations
from stream.drift import Drift
from stream.drift_monitor import Shift
from stream.drift_reference import Reference, reference_for
from stream.epochs import EPOCH, by_epoch
from stream.errors import StateError
from stream.events import EventBatch
from stream.features import Features
from stream.feedback import Feedback
from stream.hearing import Hearing
from stream.known_verdicts import Heard
from stream.lineup import Chosen, Lineup
from stream.peers import PeerSample
from stream.policy import Policy, Precision, certain
from stream.profile import Profile
from stream.records import Record
from stream.scorer import Scorer
from stream.shadow import Shadow
from stream.slots import Placement
from stream.versioned import unpack_head
from stream.windows import Windows

VERSION = 1
_STATE = struct.Struct("<Bqq16s")
STATE_KEY = b"s"


class Restorable(Protocol):
    """A room whose state comes back record by record."""

    def restore(self, key: bytes, value: bytes | None) -> None: ...


def nothing(_stage: str) -> None:
    """The lap of a detector that nobody times."""


class Detector:
    """One partition's windows, rates, peers and policy, behind one live model.

    offset: source offset up to which (inclusive) this state has seen everything; -1 before the first event
    lineup: the models at work; chosen: those that the state names
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
        self.profile, self.lineup, self.source = profile, Lineup(scorer), source
        self.offset = self._epoch = -1
        self.windows = Windows(profile.window, profile.columns, max_keys, EPOCH)
        self.feedback = Feedback(profile.columns, len(profile.judged))
        self.features = Features(profile, max_keys, EPOCH, self.feedback)
        self.peers = PeerSample(profile.peers, profile.columns)
        self.policy = Policy(profile.alerts, share)
        self._hearing = Hearing(profile, source, self.windows, self.feedback)
        self._alerting = self._candidate = Alerting(profile, scorer, source, self.feedback)
        self._joined: tuple[Peers, Peers, Peers] | None = None
        self.chosen = Chosen()
        self.shadow = Shadow(profile, share)
        self.drift = Drift(profile)
        self._written = -1
        self._unheard = False  # verdicts or models that no changelog has yet
        self._lap = lap

    @property
    def scorer(self) -> Scorer:
        """The live model."""
        return self.lineup.live

    def use(self, lineup: Lineup) -> None:
        """Score with these models from the next event on; those that the state names go on as if nothing had been.

        The alerts of another live model are judged by what its scores were while it was the shadow, else anew.
        """
        before, now = self.chosen.digests, lineup.digests
        self.lineup = lineup
        self._alerting, self._candidate = (
            Alerting(self.profile, scorer, self.source, self.feedback)
            for scorer in (lineup.live, lineup.shadow or lineup.live)
        )
        if before == now:
            return
        self._unheard = True
        self.chosen.choose(now, self.offset)
        if before is not None and before[0] != now[0]:
            self.policy.adopt(self.shadow.policy if before[1] == now[0] else None)
            self.drift.new_model(self._reference())
        if before is not None and before[1] is not None and before[1] != now[1]:
            self.shadow.begin()

    def on_batch(self, batch: EventBatch, upto: int) -> Decisions:
        """Score a batch that reaches to offset `upto` (bad records at its end included)."""
        parts = [self._on_part(part, epoch) for epoch, part in by_epoch(batch)]
        self.offset = max(upto, self.offset)
        return joined(parts)

    def _on_part(self, batch: EventBatch, epoch: int) -> Decisions:
        """Score events of one epoch."""
        shifts: tuple[Shift, ...] = ()
        if epoch > self._epoch:
            if self._epoch < 0:
                self.drift.new_model(self._reference())
            shifts = self._close_epoch()
            self._epoch = epoch
        at = self.windows.place(batch.entity, batch.offset)
        rows = self.features.on_batch(batch, self.windows.elapsed(at, batch.time))
        self._lap("features")
        context = self._context(at, rows)
        self._lap("gather")
        score = self.scorer.score(rows, context, self._peers())
        self._lap("score")
        scene = Scene(batch, rows, context, self.peers.peers, self._peers(), score)
        precision = self._precision(self._alerting, scene)
        judgement = self.policy.on_batch(score, batch.time, batch.entity, precision)
        self._lap("policy")
        alerts = self._alerting.on_scene(scene, judgement)
        self._lap("alerts")
        if self.lineup.shadow:
            theirs = self.lineup.shadow.score(rows, context, self._peers())
            self.shadow.on_batch(theirs, batch, judgement, self._precision(self._candidate, scene))
            self._lap("shadow")
        self.drift.on_batch(rows, score, batch.offset)
        self._lap("drift")
        self.windows.append(at, rows, batch.time, batch.offset)
        self.peers.on_batch(rows, batch.offset)
        self._lap("append")
        return Decisions(batch.offset, score, judgement.p_value, alerts, shifts)

    def _context(self, at: Placement, rows: np.ndarray) -> Context:
        """The events' windows, and what `rows` [B, F] have to be told from them."""
        context = self.windows.gather(at, rows)
        if not self.profile.deviations:
            return context
        fill_deviations(self.profile.deviations, rows, context)
        return self.windows.gather(at, rows)  # again, for what events of the same batch now know

    def _close_epoch(self) -> tuple[Shift, ...]:
        self.windows.close_epoch()
        self.features.close_epoch()
        self.peers.close_epoch()
        self.shadow.close_epoch()
        if self.policy.close_epoch():
            self.drift.new_scores()
        return self.drift.close_epoch()

    def _reference(self) -> Reference | None:
        """What the live model's manifest says of this profile's usual values."""
        artifact = self.scorer.artifact
        return reference_for(self.profile, artifact.manifest.drift, artifact.source)

    def _precision(self, alerting: Alerting, scene: Scene) -> Precision:
        judged = self.feedback.labelled
        return partial(alerting.precision, scene, judged) if len(judged.rows) else certain

    def _peers(self) -> Peers:
        """The sample, and the labelled rows behind it."""
        sample, labelled = self.peers.peers, self.feedback.labelled
        if not len(labelled.rows):
            return sample
        if self._joined is None or self._joined[0] is not sample or self._joined[1] is not labelled:
            pairs = ((getattr(one, name) for one in (sample, labelled)) for name in ("rows", "mask", "label"))
            self._joined = sample, labelled, Peers(*(np.concatenate(list(pair)) for pair in pairs))
        return self._joined[2]

    def on_verdicts(self, news: Sequence[Heard]) -> Counter[tuple[str, str]]:
        """Apply verdicts that came, between two runs of events; counts by verdict and outcome (see `Hearing`)."""
        before, scale = dict(self.feedback.heard), self.feedback.scale
        outcomes = self._hearing.on_verdicts(news, self.offset)
        self._unheard |= self.feedback.heard != before
        if self.feedback.scale != scale:
            self.policy.relabel()
            self.shadow.relabel()
        return outcomes

    def changes(self) -> list[Record]:
        """What changed since the last call, and the offset that it stands at: one record batch for the changelog."""
        if self.offset == self._written and not self._unheard:
            return []
        self._written, self._unheard = self.offset, False
        state = _STATE.pack(VERSION, self.offset, self._epoch, _layout(self.profile))
        rooms = (
            *(self.windows, self.features, self.peers, self.policy, self.feedback),
            *(self.chosen, self.shadow, self.drift),
        )
        return [*(record for room in rooms for record in room.changes()), (STATE_KEY, state)]

    def restore(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Read a run of changelog records, oldest first. Raises StateError when they are of another profile."""
        rooms: dict[bytes, Restorable] = {
            Features.prefix: self.features,
            PeerSample.prefix: self.peers,
            Policy.prefix: self.policy,
            Chosen.prefix: self.chosen,
            Shadow.prefix: self.shadow,
            Drift.prefix: self.drift,
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
            elif kind in rooms:
                rooms[kind].restore(key, value)
            else:
                raise StateError(
                    f"changelog of {self.source}: a record with the key {key[:16]!r} is of nothing that is known here; "
                    "another release of onsight wrote it: run that one, or start afresh with another application_id"
                )
        if verdicts:
            self.feedback.restore(verdicts)
        self.windows.restore([keys[i] for i in blocks], [values[i] for i in blocks])

    def _restore_offset(self, value: bytes) -> None:
        offset, epoch, layout = unpack_head(_STATE, value, VERSION, f"the state of {self.source}")
        if layout != _layout(self.profile):
            raise StateError(
                f"changelog of {self.source}: its state is of another set of features than profile "
                f"{self.profile.name!r} has now; set a new application_id to start with empty state, or bring the "
                "profile back"
            )
        self.offset = self._written = offset
        self._epoch = epoch


def _layout(profile: Profile) -> bytes:
    """A digest of all that stored rows depend on."""
    features = [(f.kind, f.field, f.transform, f.seconds, f.of, f.least, f.lasts) for f in profile.features]
    return blake2b(repr((features, profile.window, profile.peers)).encode(), digest_size=16).digest()
