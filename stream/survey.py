"""What a profile makes of a sample of events: fields missing or wrong, rejects, keys, the first features."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from stream.events import EventBatch, Reject
from stream.features import Features
from stream.profile import Profile

FIRST = 4  # events whose features are shown
STRAYS = 5  # entities named that were seen in several partitions
MASKED = "***"


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One field over all events."""

    field: str
    read_as: str  # "entity", "time", kinds of features, "shown"
    missing: int  # events without it
    wrong: int  # events rejected for its type or range
    holds: str  # in words


@dataclass(frozen=True, slots=True)
class RejectReport:
    """One kind of fault: how often, and where it was first."""

    reason: str
    detail: str  # of the first one
    events: int
    partition: int  # of the first one
    offset: int


@dataclass(frozen=True, slots=True)
class FirstFeatures:
    """One of the first events: its feature columns, transformed; categories by name, None if missing."""

    entity: str
    time: str
    columns: dict[str, float | str | None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a survey found."""

    profile: str
    events: int
    good: int
    fields: list[FieldReport]
    rejects: list[RejectReport]
    entities: int
    events_per_entity: dict[str, float]  # median, most
    first_time: str | None  # ISO 8601, UTC
    last_time: str | None
    strayed: int  # entities seen in several partitions
    strays: dict[str, list[int]]  # some of them, with their partitions
    features: list[FirstFeatures]


class Survey:
    """Counts over runs of decoded events; memory grows with the sample."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._good = 0
        self._first: EventBatch | None = None
        self._entities: Counter[str] = Counter()
        self._partitions: dict[str, set[int]] = {}
        self._numbers: dict[str, list[NDArray[np.float64]]] = {path: [] for path in profile.numbers}
        self._values: dict[str, Counter[str]] = {path: Counter() for path in profile.fields}
        self._times: list[NDArray[np.float64]] = []
        self._faults: Counter[tuple[str, str]] = Counter()
        self._first_reject: dict[tuple[str, str], tuple[int, Reject]] = {}
        self._masked = {feature.field for feature in profile.features if feature.mask}

    def on_batch(self, batch: EventBatch, rejects: tuple[Reject, ...], partition: int = 0) -> None:
        """Take the good events of one run of a partition, and its rejects."""
        self._good += len(batch)
        if self._first is None and len(batch):
            self._first = batch.part(0, FIRST)
        self._entities.update(batch.entity)
        for entity in set(batch.entity):
            self._partitions.setdefault(entity, set()).add(partition)
        for path, column in batch.numbers.items():
            self._numbers[path].append(column)
        for path, values in batch.fields.items():
            present = (str(value) for value in values if value is not None and value == value)
            self._values[path].update(present)
        self._times.append(batch.time)
        for reject in rejects:
            key = (reject.reason, reject.field)
            self._faults[key] += 1
            self._first_reject.setdefault(key, (partition, reject))

    def report(self) -> Report:
        """What was found so far."""
        times = np.concatenate(self._times) if self._times else np.array([])
        counts = np.array(list(self._entities.values()) or [0])
        strays = {name: sorted(seen) for name, seen in self._partitions.items() if len(seen) > 1}
        some = [] if self._profile.entity in self._masked else sorted(strays)[:STRAYS]
        return Report(
            profile=self._profile.name,
            events=self._good + self._faults.total(),
            good=self._good,
            fields=[self._field(path) for path in self._profile.fields],
            rejects=self._rejects(),
            entities=len(self._entities),
            events_per_entity={"median": float(np.median(counts)), "most": int(counts.max())},
            first_time=_iso(times.min()) if len(times) else None,
            last_time=_iso(times.max()) if len(times) else None,
            strayed=len(strays),
            strays={name: strays[name] for name in some},
            features=self._features(),
        )

    def _field(self, path: str) -> FieldReport:
        profile = self._profile
        read_as = [feature.kind for feature in profile.features if feature.field == path]
        roles = ["entity"] * (path == profile.entity) + ["time"] * (path == profile.time.field) + read_as
        faults = {reason: count for (reason, field), count in self._faults.items() if field == path}
        absent = sum(count for reason, count in faults.items() if reason.startswith("missing-"))
        values = self._values[path]
        return FieldReport(
            field=path,
            read_as=", ".join(dict.fromkeys(roles)) or "shown",
            missing=self._good - values.total() + absent,
            wrong=sum(faults.values()) - absent,
            holds=self._holds(path, values),
        )

    def _holds(self, path: str, values: Counter[str]) -> str:
        if not values:
            return "nothing"
        if path == self._profile.time.field:
            times = np.concatenate(self._times)
            return f"{_iso(times.min())} to {_iso(times.max())}" if len(times) else "nothing"
        if path in self._numbers:
            low, middle, high = np.nanquantile(np.concatenate(self._numbers[path]), (0.0, 0.5, 1.0))
            return f"{low:,.6g} to {high:,.6g}, median {middle:,.6g}"
        (top, count), *_ = values.most_common(1)
        often = f", most often {self._shown(path, top)} ({count / values.total():.0%})"
        return f"{len(values):,} values{often if count > 0.01 * values.total() else ''}"

    def _shown(self, path: str, value: object) -> str | None:
        if value is None or path in self._masked:
            return None if value is None else MASKED
        text = str(value)
        return text if len(text) <= 32 else f"{text[:31]}…"

    def _rejects(self) -> list[RejectReport]:
        reports = []
        for key, count in self._faults.most_common():
            partition, first = self._first_reject[key]
            reports.append(RejectReport(first.reason, first.detail, count, partition, first.offset))
        return reports

    def _features(self) -> list[FirstFeatures]:
        batch = self._first
        if batch is None:
            return []
        profile = self._profile
        rows = Features(profile, FIRST, epoch=FIRST).on_batch(batch, _since(batch)).tolist()
        names = column_names(profile)
        return [
            FirstFeatures(
                str(self._shown(profile.entity, batch.entity[index])),
                _iso(batch.time[index]),
                {name: self._feature(batch, index, column, row[column]) for column, name in enumerate(names)},
            )
            for index, row in enumerate(rows)
        ]

    def _feature(self, batch: EventBatch, index: int, column: int, value: float) -> float | str | None:
        feature = self._profile.features[self._profile.column_owner[column]]
        if feature.mask:
            return MASKED
        if feature.kind == "category" and feature.field:  # a code would tell a reader nothing
            return self._shown(feature.field, batch.fields[feature.field][index])
        return None if np.isnan(value) else value


def column_names(profile: Profile) -> list[str]:
    """Of each of the F columns: its feature's name, and which part of it where there are two."""
    return [
        f"{feature.name}{part}"
        for feature in profile.features
        for part in ([""] if feature.columns == 1 else [" (sine)", " (cosine)"])
    ]


def _since(batch: EventBatch) -> NDArray[np.float64]:
    """Seconds since the entity's event before in the batch, float64 [B], NaN for its first."""
    last: dict[str, float] = {}
    since = np.empty(len(batch))
    for index, (entity, time) in enumerate(zip(batch.entity, batch.time.tolist(), strict=True)):
        since[index] = time - last.get(entity, np.nan)
        last[entity] = time
    return since


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(" ", "seconds").removesuffix("+00:00")
