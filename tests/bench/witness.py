"""Run in a worker's process before it starts: writes down each batch, and each change of models, as lines of JSON."""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import orjson

from stream.decisions import Decisions
from stream.detector import Detector
from stream.events import EventBatch
from stream.job.partition import Partition
from stream.lineup import Lineup
from stream.scorer import Scorer

VARIABLE = "BENCH_WITNESS"  # the file


def bear_witness() -> None:
    """From here on, of every batch its partition, offsets, end and models; of every change the seconds it took."""
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    used: list[str] = []
    score, on_batch, use = Scorer.score, Detector.on_batch, Partition.use

    def write(line: Sequence[Any]) -> None:
        os.write(file, orjson.dumps(line) + b"\n")

    def scored(self: Scorer, *inputs: Any) -> Any:
        # The thread that loads models tries them out.
        if threading.current_thread() is threading.main_thread():
            used.append(self.digest)
        return score(self, *inputs)

    def decided(self: Detector, batch: EventBatch, upto: int) -> Decisions:
        used.clear()
        decisions = on_batch(self, batch, upto)
        first = int(batch.offset[0]) if len(batch) else upto
        write(["batch", self.source.partition, first, upto, len(batch), used, time.time()])
        return decisions

    async def changed(self: Partition, lineup: Lineup) -> None:
        began = time.perf_counter()
        await use(self, lineup)
        write(["change", self.detector.source.partition, self.detector.offset, time.perf_counter() - began])

    Scorer.score, Detector.on_batch, Partition.use = scored, decided, changed  # type: ignore[method-assign]
