"""The alerts of a batch: what an event that leaves says of itself and of its context."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.alerts import Alert, Source, build
from stream.calm import precision
from stream.context import Context, Peers
from stream.events import EventBatch
from stream.feedback import Feedback
from stream.policy import Judgement
from stream.profile import Profile
from stream.reasons import explain
from stream.scorer import Scorer
from stream.verdict_row import code_of


@dataclass(frozen=True, slots=True)
class Scene:
    """B events of one batch as they were scored.

    rows: float32 [B, F]; score: float32 [B]; sample: the peers that reasons tell of, without the judged ones
    """

    batch: EventBatch
    rows: np.ndarray
    context: Context
    sample: Peers
    peers: Peers
    score: np.ndarray


class Alerting:
    """Makes one partition's alerts, and says how much they are worth."""

    def __init__(self, profile: Profile, scorer: Scorer, source: Source, feedback: Feedback) -> None:
        self._profile, self._scorer, self._source = profile, scorer, source
        self._feedback = feedback

    def on_scene(self, scene: Scene, judgement: Judgement) -> tuple[Alert, ...]:
        """An alert for each event that the policy lets leave."""
        chosen = np.flatnonzero(judgement.alert)
        return tuple(self._alerts(scene, judgement, chosen)) if len(chosen) else ()

    def precision(self, scene: Scene, judged: Peers, events: NDArray[np.intp]) -> NDArray[np.float64]:
        """The precision to expect of alerts on some of the events [K], from judged rows."""
        attribution = self._scorer.attribute(scene.rows[events], scene.context.take(events), scene.peers)
        return precision(scene.rows[events], attribution, scene.sample, judged, self._profile.category)

    def _alerts(self, scene: Scene, judgement: Judgement, chosen: np.ndarray) -> Iterator[Alert]:
        batch, theirs = scene.batch, scene.context.take(chosen)
        attribution = self._scorer.attribute(scene.rows[chosen], theirs, scene.peers)
        for i, event in enumerate(chosen.tolist()):
            fields = {path: column[event] for path, column in batch.fields.items()}
            time = float(batch.time[event])
            reasons, evidence = explain(
                self._profile,
                fields,
                scene.rows[event],
                window=theirs.window[i],
                mask=theirs.mask[i],
                peers=scene.sample.rows,
                peers_mask=scene.sample.mask,
                attribution=attribution[i],
                given=self._given(fields, time),
            )
            yield build(
                self._profile,
                fields,
                scene.rows[event],
                entity=batch.entity[event],
                time=time,
                source=self._source,
                offset=int(batch.offset[event]),
                score=float(scene.score[event]),
                p_value=float(judgement.p_value[event]),
                threshold=judgement.threshold,
                severity=judgement.severity[i],
                related=judgement.related[i],
                model=self._scorer,
                reasons=reasons,
                evidence=evidence,
            )

    def _given(self, fields: Mapping[str, object], time: float) -> dict[str, tuple[int, int]]:
        """How many verdicts confirmed and dismissed what an event's features of kind verdicts look at, by name."""
        given = {}
        for feature in self._profile.features:
            if feature.kind == "verdicts" and feature.field:
                field = self._profile.judged.index(feature.field)
                code = code_of(fields.get(feature.field))
                confirmed, dismissed = (
                    self._feedback.count(field, label, code, time, feature.fading) for label in (1, -1)
                )
                given[feature.name] = confirmed, dismissed
        return given
