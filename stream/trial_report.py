"""What a trial of a candidate has shown so far: each partition's own report, and all of them together with verdicts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from stream.alerts import Source
from stream.shadow import KINDS, Kind, Shadow
from stream.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """How many of some alerts have a verdict, and how it was."""

    confirmed: int = 0
    dismissed: int = 0

    @property
    def precision(self) -> float | None:
        """None where nothing was judged."""
        return self.confirmed / (self.confirmed + self.dismissed) if self.confirmed + self.dismissed else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A trial over all partitions.

    both, added, dropped: alerts of both models, of the candidate alone, of the live model alone
    entities: of added and dropped ones, how many each entity has, the most first
    told:     how many alerts of each kind are known one by one; entities and verdicts are of those
    """

    live: str
    shadow: str
    partitions: int
    events: int
    both: int
    added: int
    dropped: int
    entities: Mapping[Kind, Mapping[str, int]]
    told: Mapping[Kind, int]
    judged_live: Judged
    judged_shadow: Judged

    def as_json(self) -> dict[str, Any]:
        """Everything, with the precision of both models where verdicts are."""
        precision = {"live": self.judged_live.precision, "shadow": self.judged_shadow.precision}
        return {**asdict(self), "precision": precision}


def report(shadow: Shadow, digests: tuple[str, str | None], source: Source, since: int) -> bytes:
    """One partition's report, as the topic of trials has it."""
    alerts = {kind: [[alert.offset, alert.entity] for alert in shadow.alerts(kind)] for kind in KINDS}
    return orjson.dumps(
        {
            "live": digests[0],
            "shadow": digests[1],
            "topic": source.topic,
            "partition": source.partition,
            "since": since,
            "events": shadow.events,
            "counts": shadow.counts,
            "alerts": alerts,
        }
    )


def agreement(shadow: str, reports: Iterable[bytes], verdicts: Iterable[Verdict]) -> Agreement | None:
    """What the partitions' reports on this candidate say together; None where there is none yet.

    Of several verdicts on an event the latest counts.
    """
    found = [one for one in map(orjson.loads, reports) if one["shadow"] == shadow]
    if not found:
        return None
    labels = {verdict.subject: verdict.label for verdict in sorted(verdicts, key=lambda verdict: verdict.at)}
    judged = {kind: _judged(kind, found, labels) for kind in KINDS}
    alone: tuple[Kind, ...] = ("added", "dropped")
    entities = {kind: _entities(kind, found) for kind in alone}
    return Agreement(
        live=found[0]["live"],
        shadow=shadow,
        partitions=len(found),
        events=sum(one["events"] for one in found),
        **{kind: sum(one["counts"][kind] for one in found) for kind in KINDS},
        entities=entities,
        told={kind: sum(len(one["alerts"][kind]) for one in found) for kind in KINDS},
        judged_live=_together(judged["both"], judged["dropped"]),
        judged_shadow=_together(judged["both"], judged["added"]),
    )


def _judged(kind: Kind, reports: Iterable[Mapping[str, Any]], labels: Mapping[str, int]) -> Judged:
    subjects = [
        f"{one['topic']}/{one['partition']}/{offset}" for one in reports for offset, _ in one["alerts"][kind]
    ]
    found = Counter(labels.get(subject) for subject in subjects)
    return Judged(found[1], found[-1])


def _together(one: Judged, other: Judged) -> Judged:
    return Judged(one.confirmed + other.confirmed, one.dismissed + other.dismissed)


def _entities(kind: Kind, reports: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(entity for one in reports for _, entity in one["alerts"][kind])
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
