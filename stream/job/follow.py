"""Several topics from given offsets on, in a consumer group of their own that only shows how far it got.

Where to go on is the caller's to know: what the group has committed is never read.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from stream.errors import InputError
from stream.job.clients import BOOTSTRAP_MS, broker_error, client_arguments, partitions_of, reach
from stream.job.fetched import Fetched
from stream.settings import Settings

POLL_MS = 500
RUN = 8192  # records

Place = tuple[str, int]  # topic and partition


class Follower:
    """A consumer of every partition of some topics. Use it in a `with`; each method raises BrokerError.

    skipped: records that were gone before they could be read, by topic and partition
    """

    def __init__(self, settings: Settings, group: str, topics: Sequence[str]) -> None:
        self.skipped: dict[Place, int] = {}
        self._settings, self._group, self._topics = settings, group, topics
        self._consumer: Any = None
        self._ends: dict[Any, int] = {}

    def __enter__(self) -> "Follower":
        from kafka import KafkaConsumer

        reach(self._settings)
        self._consumer = self._asked(
            KafkaConsumer,
            group_id=self._group,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            auto_offset_reset="earliest",
            max_poll_records=RUN,
            bootstrap_timeout_ms=BOOTSTRAP_MS,
            **client_arguments(self._settings),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def _asked(self, question: Any, *words: Any, **named: Any) -> Any:
        from kafka.errors import KafkaError

        try:
            return question(*words, **named)
        except (KafkaError, OSError) as error:
            raise broker_error(self._settings, error) from error

    def seek(self, offsets: Mapping[str, Mapping[int, int]]) -> int:
        """Go on from `offsets` (by topic and partition, the next to read; else the oldest).

        Returns how many records there are up to the end. Raises InputError where a topic ends before its offset.
        """
        places = [
            place
            for topic in self._topics
            for place in self._asked(partitions_of, self._settings, self._consumer, topic)
        ]
        self._consumer.assign(places)
        starts = self._asked(self._consumer.beginning_offsets, places)
        self._ends = self._asked(self._consumer.end_offsets, places)
        left = 0
        for place in places:
            start, end = starts[place], self._ends[place]
            wanted = offsets.get(place.topic, {}).get(place.partition, start)
            if wanted > end:
                raise InputError(
                    f"{place.topic}[{place.partition}] ends at offset {end}, but was read up to {wanted} before: "
                    "it was made anew since; collect into another folder"
                )
            if wanted < start:
                self.skipped[place.topic, place.partition] = start - wanted
            self._consumer.seek(place, max(start, wanted))
            left += end - max(start, wanted)
        return left

    @property
    def at_end(self) -> bool:
        """Whether all that was there at the last `seek` has been read."""
        return all(self._asked(self._consumer.position, place) >= end for place, end in self._ends.items())

    def poll(self) -> list[Fetched]:
        """The next records, after at most half a second none."""
        return [
            Fetched.of(place, records)
            for place, records in self._asked(self._consumer.poll, timeout_ms=POLL_MS).items()
        ]

    def commit(self, offsets: Mapping[str, Mapping[int, int]]) -> None:
        """Show the group's lag to whoever watches it."""
        from kafka import OffsetAndMetadata, TopicPartition

        told = {
            TopicPartition(topic, number): OffsetAndMetadata(at, "", -1)
            for topic, partitions in offsets.items()
            for number, at in partitions.items()
        }
        if told:
            self._asked(self._consumer.commit, told)
