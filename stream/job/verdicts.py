"""The verdicts topic as a Faust GlobalTable: each worker reads the whole of it and goes on reading.

Faust decides when a partition of it is read from which offset, before the first event and after a rebalance; what it
reads goes to `KnownVerdicts`, from which each source partition takes what is new to it, and to whoever else listens.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import faust
from faust.types import TP, Message

from stream.alerts import Source
from stream.errors import InputError
from stream.job.run_store import RunStore
from stream.known_verdicts import Heard
from stream.verdict import parse

Ear: TypeAlias = Callable[[Heard], None]

log = logging.getLogger("onsight")


class VerdictStore(RunStore):
    """`options`: also "ears", which take each verdict, and "bad", which is called for a record that is none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = self.options or {}
        self._ears: Sequence[Ear] = options["ears"]
        self._bad: Callable[[], None] = options["bad"]
        self._read: dict[int, int] = {}

    def persisted_offset(self, tp: TP) -> int | None:
        """Up to where this worker has read the partition."""
        return self._read.get(tp.partition)

    def read_run(self, message: Message) -> None:
        """Have the ears hear a run of verdicts."""
        source = Source(message.topic, message.partition)
        for record in message.value:
            self._hear(source, record)
        self._read[source.partition] = message.offset

    def _hear(self, source: Source, record: Any) -> None:
        try:
            verdict = parse(record.value or b"")
        except InputError:
            self._bad()
            log.warning(
                "the record at offset %d of %s is no verdict; `onsight verdict` writes them",
                record.offset,
                source,
            )
            return
        for ear in self._ears:
            ear(Heard(source.partition, record.offset, verdict))

    def reset_state(self) -> None:
        """Nothing is kept outside of this process."""


class VerdictTable(faust.GlobalTable):
    """A global table whose changelog is a topic that others make and write, whatever its name and its cleanup."""

    def _changelog_topic_name(self) -> str:
        name: str = (self.options or {})["topic"]
        return name

    def _new_store(self) -> VerdictStore:
        return VerdictStore("onsight://verdicts", self.app, self, table_name=self.name, options=self.options)

    async def on_start(self) -> None:
        """Faust would make the topic, which takes a right that a worker does not have."""
        await self.add_runtime_dependency(self.data)


def read_verdicts(
    app: faust.App,
    topic: str,
    ears: Sequence[Ear],
    bad: Callable[[], None],
    fail: Callable[[BaseException], None],
) -> None:
    """Have the app read a topic of verdicts to some ears."""
    app.tables.add(
        VerdictTable(
            app,
            name="verdicts",
            beacon=app.tables.beacon,
            changelog_topic=app.topic(topic, internal=False, acks=False, key_type=bytes, value_type=bytes),
            options={"topic": topic, "ears": ears, "bad": bad, "fail": fail},
            key_type=bytes,
            value_type=bytes,
            is_global=True,
            recovery_buffer_size=1,  # also while events are scored: each run of verdicts as it comes
        )
    )
