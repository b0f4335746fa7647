"""Sends events on to a topic keyed by their entity, for sources that are not partitioned by it.

As Kafka Streams' repartition topics do. A run's offset is released once every event of it has been acknowledged;
after a crash some events may be sent on twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from stream.alerts import Source
from stream.events import Decoder
from stream.job.sink import Sink
from stream.partitioner import partition_of


class Router:
    """Routes runs of topic `source` to `topic` of `partitions` partitions. released: offsets that may be committed."""

    def __init__(self, decoder: Decoder, sink: Sink, source: str, topic: str, partitions: int) -> None:
        self.released: dict[int, int] = {}
        self._decoder, self._sink = decoder, sink
        self._source, self._topic, self._partitions = source, topic, partitions

    async def on_run(self, partition: int, records: Sequence[Any]) -> None:
        """Send the good events of one partition's run on as they came, and the bad ones to the dead letters."""
        offset = np.fromiter((record.offset for record in records), np.int64, len(records))
        batch, rejects = self._decoder.decode(None, [record.value for record in records], offset)
        source = Source(self._source, partition)
        owed = [await self._sink.dead_letter(reject, records[reject.index], source) for reject in rejects]
        by_partition: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
        for entity, at in zip(batch.entity, np.searchsorted(offset, batch.offset).tolist(), strict=True):
            key = entity.encode()
            by_partition[partition_of(key, self._partitions)].append((key, records[at].value))
        sending = (self._sink.route(self._topic, to, pairs) for to, pairs in by_partition.items())
        await asyncio.gather(*owed, *sending)
        self.released[partition] = int(offset[-1]) + 1
