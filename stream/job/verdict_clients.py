"""What commands on verdicts take of Kafka: the alerts and events that they are on, and the verdicts topic."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from stream.errors import BrokerError, InputError
from stream.events import Decoder, EventBatch
from stream.job.clients import reading_client, writing_client
from stream.job.newest import newest
from stream.known_verdicts import Heard
from stream.precision import Precision
from stream.settings import Settings
from stream.verdict import Verdict, parse
from stream.verdict_orders import Place

PATIENCE_MS = 10_000


def find_alerts(settings: Settings, ids: Collection[str]) -> dict[str, bytes]:
    """The bodies of those of these alerts that the alerts topic still has. Raises BrokerError."""
    import orjson

    wanted = {one.encode() for one in ids}
    found: dict[str, bytes] = {}
    if not wanted:
        return found
    for run in newest(settings, settings.alerts_topic):
        for value in run.values:
            # An alert's body begins with its id; anything else on the topic is not asked for.
            if value is not None and value[7:39] in wanted:
                found[orjson.loads(value)["id"]] = value
        if len(found) == len(wanted):
            break
    return found


def alerts_by_day(settings: Settings, profile: str) -> Counter[str]:
    """How many alerts of a profile the alerts topic has, by the day of their events (UTC); repeats count once."""
    import orjson

    days: dict[str, str] = {}
    for run in newest(settings, settings.alerts_topic):
        for value in run.values:
            try:
                alert = orjson.loads(value or b"")
                if alert["profile"] == profile and "severity" in alert:
                    days[alert["id"]] = alert["time"][:10]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                continue  # something else on the topic
    return Counter(days.values())


def all_verdicts(settings: Settings) -> Iterator[Heard]:
    """What the verdicts topic holds; records that are none are left out. Raises BrokerError."""
    for run in newest(settings, settings.verdicts_topic):
        for offset, value in zip(run.offsets.tolist(), run.values, strict=True):
            try:
                yield Heard(run.partition, offset, parse(value or b""))
            except InputError:
                continue  # workers count these


def read_precision(settings: Settings) -> Precision:
    """What the verdicts topic says of alerts. Raises BrokerError."""
    precision = Precision()
    for heard in all_verdicts(settings):
        precision.hear(heard)
    return precision


def read_event(settings: Settings, place: Place, decoder: Decoder) -> EventBatch:
    """The event at a place, as a batch of one. Raises InputError: there is none, or it can't be read; BrokerError."""
    from kafka import TopicPartition

    tp = TopicPartition(place.source.topic, place.source.partition)
    with reading_client(settings) as consumer:
        if tp.partition not in (consumer.partitions_for_topic(tp.topic) or ()):
            raise InputError(f"event {place}: there is no such topic or partition on {settings.kafka}")
        consumer.assign([tp])
        start, end = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
        if not start <= place.offset < end:
            raise InputError(f"event {place}: the partition has the offsets from {start} to before {end} now")
        consumer.seek(tp, place.offset)
        records: Sequence[Any] = consumer.poll(PATIENCE_MS, max_records=1).get(tp, ())
    if not records or records[0].offset != place.offset:
        raise InputError(f"event {place}: there is no record at this offset any more")
    batch, rejects = decoder.decode(None, [records[0].value], np.array([place.offset]))
    if rejects:
        raise InputError(f"event {place}: {rejects[0].detail}")
    return batch


def write_verdicts(settings: Settings, verdicts: Sequence[Verdict]) -> None:
    """Append verdicts to their topic, acknowledged by all replicas. Raises BrokerError."""
    with writing_client(settings, linger_ms=5) as producer:
        if not producer.partitions_for(settings.verdicts_topic):
            raise BrokerError(
                f"there is no topic {settings.verdicts_topic!r} on {settings.kafka} (setting verdicts_topic); "
                "`onsight topics create` makes it"
            )
        sent = [producer.send(settings.verdicts_topic, one.body(), key=one.key) for one in verdicts]
        for each in sent:
            each.get(PATIENCE_MS / 1000)
