"""Looking back on a demo: what the worker caught and what it missed, beside what others would have caught."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stream.artifact import BASELINE, LEARNED, load_artifact, shipped
from stream.events import EventBatch
from stream.profile import Profile, load
from stream.sandbox.cards import Stream
from stream.sandbox.hindsight import Hindsight, decoded, look_back
from stream.sandbox.rivals import Floats, all_neighbours, contexts, own_neighbours
from stream.sandbox.summary import Review, by_kind, score
from stream.sandbox.truth import Outcome, cases, fold
from stream.sandbox.watch import Seen
from stream.scorer import Scorer
from stream.settings import Settings

CALLED = {LEARNED: "onsight, learned model", BASELINE: "onsight, nearest neighbours"}


def review(
    settings: Settings,
    stream: Stream,
    records: Sequence[tuple[bytes, bytes]],
    alerts: Sequence[Seen],
    seed: int,
) -> Review:
    """Hold the alerts of a worker with these settings against the truth of the stream that it scored."""
    profile = load(settings.profile)
    batches = tuple(decoded(profile, records))

    def lived_through(artifact: Path) -> Hindsight:
        scorer = Scorer.for_profile(load_artifact(artifact), profile)
        return look_back(profile, scorer, batches, settings.partitions)

    used, planted = settings.artifact or shipped(), cases(stream)
    seen = lived_through(used)
    others = (
        score(called, planted, lived_through(shipped(name)).outcome)
        for name, called in CALLED.items()
        if shipped(name) != used
    )
    rivals = (
        score(name, planted, _at_the_same_budget(found, stream, profile, seen.outcome.alerts))
        for name, found in _rivals(profile, batches, stream, seed)
    )
    return Review(
        alerts_per_day=profile.alerts.per_day,
        differing=_differing(seen, alerts),
        kinds=by_kind(planted, seen),
        methods=(score("onsight", planted, seen.outcome), *others, *rivals),
    )


def _rivals(
    profile: Profile, batches: Sequence[EventBatch], stream: Stream, seed: int
) -> Iterator[tuple[str, Floats]]:
    """Name and strangeness [B] of each."""
    category = profile.category
    seen = ((rows, own_neighbours(rows, context, category)) for rows, context in contexts(profile, batches))
    rows, own = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    yield "nearest neighbours, own card", own
    before_frauds = max(1, int(np.argmax(stream.fraud > 0)))
    rng = np.random.default_rng(seed)
    yield "nearest neighbours, all cards", all_neighbours(rows, category, before_frauds, rng)
    yield "largest amounts", stream.purchases["amount"].astype(np.float32)


def _at_the_same_budget(strange: Floats, stream: Stream, profile: Profile, alerts: int) -> Outcome:
    """As many alerts for the strangest events of the whole stream, chosen at its end: better than live."""
    order = np.argsort(-strange, kind="stable")
    return fold(order, stream.purchases["card"], stream.time_ms / 1000, alerts, profile.alerts.suppress)


def _differing(seen: Hindsight, alerts: Sequence[Seen]) -> int:
    """How many alerts this process and the worker do not have in common, score and all."""
    ours = {(alert.source.partition, alert.offset, alert.score, alert.p_value) for alert in seen.alerts}
    bodies = [alert.body for alert in alerts]
    theirs = {
        (body["source"]["partition"], body["source"]["offset"], body["score"], body["p_value"])
        for body in bodies
    }
    return len(ours ^ theirs)
