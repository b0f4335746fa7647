"""Runs of records from Kafka's topics into the store; knows neither Kafka nor the time of day."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import orjson

from export.experience import schemas
from export.experience.rows import RowMaker, Rows
from export.experience.schemas import AlertRow, VerdictRow
from export.experience.store import Part, Store
from stream.alerts import hidden_entity
from stream.errors import InputError
from stream.events import Decoder
from stream.verdict import parse

if TYPE_CHECKING:
    from stream.job.fetched import Fetched

HIDDEN = "sha256:"
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Topics:
    """Where the records come from."""

    events: str
    alerts: str
    verdicts: str


class Collector:
    """Gathers rows until `commit` puts them into the store.

    waiting: records gathered since the last commit
    counts:  events, alerts, verdicts, and "left out" (what can't be read, or is of another topic), since the start
    """

    def __init__(self, store: Store, decoder: Decoder, topics: Topics, max_keys: int) -> None:
        self.waiting = 0
        self.counts: Counter[str] = Counter()
        self._store, self._decoder, self._topics, self._max_keys = store, decoder, topics, max_keys
        self._hide = decoder.profile.entity in decoder.profile.masked
        self._makers: dict[int, RowMaker] = {}
        self._clear()

    def _clear(self) -> None:
        self.waiting = 0
        self._rows: dict[int, list[Rows]] = defaultdict(list)
        self._alerts: list[AlertRow] = []
        self._verdicts: list[VerdictRow] = []
        self._offsets: dict[tuple[str, int], int] = {}

    def add(self, batch: "Fetched") -> None:
        """Take the next records of a partition, one at least, from where the store stands on."""
        topic, partition = batch.topic, batch.partition
        committed = self._store.content.offsets.get(topic, {}).get(partition, 0)
        after = self._offsets.get((topic, partition), committed)
        if int(batch.offsets[0]) < after:
            raise ValueError(f"{topic}[{partition}]: a batch must begin at offset {after} or later")
        if topic == self._topics.events:
            self._add_events(batch)
        elif topic == self._topics.alerts:
            self._keep("alerts", self._alerts, [self._alert(value) for value in batch.values])
        else:
            self._keep("verdicts", self._verdicts, [self._verdict(value) for value in batch.values])
        self._offsets[topic, partition] = int(batch.offsets[-1]) + 1
        self.waiting += len(batch.offsets)

    def _add_events(self, batch: "Fetched") -> None:
        found, rejects = self._decoder.decode(batch.keys, batch.values, batch.offsets, batch.headers)
        maker = self._makers.get(batch.partition)
        if maker is None:
            maker = self._makers[batch.partition] = RowMaker(self._decoder.profile, self._max_keys)
            maker.restore(self._store.state(batch.partition))
        self._rows[batch.partition] += maker.on_batch(found)
        self.counts["events"] += len(found)
        self.counts["left out"] += len(rejects)

    def _keep(self, kind: str, rows: list[Row], found: Sequence[Row | None]) -> None:
        known = [row for row in found if row is not None]
        rows += known
        self.counts[kind] += len(known)
        self.counts["left out"] += len(found) - len(known)

    def _alert(self, value: bytes | None) -> AlertRow | None:
        """The alert in a record, None where it is none of this topic's events."""
        try:
            told = orjson.loads(value or b"")
            source = told["source"]
            if source["topic"] != self._topics.events:
                return None
            return AlertRow(
                id=str(told["id"]),
                partition=int(source["partition"]),
                offset=int(source["offset"]),
                time=datetime.fromisoformat(told["time"]).timestamp(),
                score=float(told["score"]),
                p_value=float(told["p_value"]),
                severity=str(told["severity"]),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError):
            return None

    def _verdict(self, value: bytes | None) -> VerdictRow | None:
        try:
            verdict = parse(value or b"")
        except InputError:
            return None
        ours = verdict.source is not None and verdict.source.topic == self._topics.events
        entity = verdict.entity
        if self._hide and not entity.startswith(HIDDEN):  # of an event that no alert has hidden
            entity = hidden_entity(entity)
        return VerdictRow(
            id=verdict.id,
            partition=verdict.source.partition if ours and verdict.source else -1,
            offset=verdict.offset if ours else -1,
            entity=entity,
            label=verdict.label,
            time=verdict.at,
        )

    def commit(self) -> None:
        """Put what was gathered, and the offsets that it reaches to, into the store: all or nothing."""
        if not self.waiting:
            return
        columns, parts = self._store.content.columns, []
        for partition, rows in self._rows.items():
            if any(map(len, rows)):
                parts.append(Part("events", partition, *schemas.events(partition, rows, columns)))
        if self._alerts:
            parts.append(Part("alerts", -1, *schemas.alerts(self._alerts)))
        if self._verdicts:
            parts.append(Part("verdicts", -1, *schemas.verdicts(self._verdicts)))
        states = {partition: self._makers[partition].changes() for partition in self._rows}
        self._store.commit(parts, states, self._offsets)
        self._clear()
