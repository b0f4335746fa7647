"""`onsight-export collect` on a real broker: to the end, and exactly on from wherever it was killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pyarrow.dataset
import pytest
from kafka import KafkaAdminClient

from export.experience.content import read_content
from export.experience.read import read_experience
from stream.alerts import Source
from stream.sandbox.cards import simulate
from stream.verdict import Verdict
from tests.integration.deployment import produce, wait_for

pytestmark = pytest.mark.kafka

PARTITIONS = 3
# Commits often; dies at a commit, before or after what it wrote counts.
DIES = """
import os
import export.commands.collect as collect
import export.experience.store as store
import stream.job.follow as follow
collect.COMMIT_ROWS, follow.RUN = 100, 150
write, written = store.write_content, 0
def dies(folder, content):
    global written
    written += 1
    if {when} == "before" and written == {commit}:
        os.kill(os.getpid(), 9)
    write(folder, content)
    if {when} == "after" and written == {commit}:
        os.kill(os.getpid(), 9)
store.write_content = dies
"""


class Collected:
    """A topic of card transactions with verdicts, and the runs that collect them into `folder`."""

    def __init__(self, kafka: str, topic: Callable[..., str], folder: Path) -> None:
        self.folder = folder
        self.kafka, self.source = kafka, topic("events", partitions=PARTITIONS)
        self.alerts, self.verdicts = topic("alerts"), topic("verdicts", partitions=PARTITIONS)
        named = {
            "kafka": kafka,
            "application_id": self.source,
            "input_topic": self.source,
            "alerts_topic": self.alerts,
            "verdicts_topic": self.verdicts,
        }
        self._environment = {
            **os.environ,
            **{f"ONSIGHT_{key.upper()}": str(value) for key, value in named.items()},
        }

    def start(self, *options: str, sabotage: str = "") -> "subprocess.Popen[bytes]":
        code = f"import sys\n{sabotage}\nfrom export.cli import main; main()"
        words = ["collect", "--store", str(self.folder), "--json", *options]
        return subprocess.Popen(
            [sys.executable, "-c", code, *words],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, sabotage: str = "") -> int:
        process = self.start(sabotage=sabotage)
        _, error = process.communicate(timeout=60)
        assert b"Traceback" not in error, error.decode()
        return process.returncode

    def places(self) -> list[tuple[int, int]]:
        files = [self.folder / file.path for file in read_content(self.folder).files if file.kind == "events"]
        table = pyarrow.dataset.dataset(files, format="parquet").to_table()
        return sorted(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))


@pytest.fixture
def collected(kafka: str, topic: Callable[..., str], tmp_path: Path) -> Collected:
    return Collected(kafka, topic, tmp_path / "store")


def test_it_goes_on_exactly_where_it_was_killed(collected: Collected, kafka: str) -> None:
    produce(kafka, collected.source, simulate(60, 60, 20, seed=3).records())
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        for when, commit in (("before", 1), ("after", 2), ("before", 3)):
            assert collected.run(DIES.format(when=repr(when), commit=commit)) == -signal.SIGKILL
        judged = Verdict("a", "c", "confirmed", "me", 0.0, Source(collected.source, 0), 5)
        produce(kafka, collected.verdicts, [(judged.key, judged.body())])
        assert collected.run() == 0
        content = read_content(collected.folder)
        assert content.commits >= 5
        group = f"{collected.source}.experience"
        shown = {
            tp.partition: found.offset
            for tp, found in admin.list_group_offsets(group)[group].items()
            if tp.topic == collected.source
        }
    ends = content.offsets[collected.source]
    assert collected.places() == [(number, at) for number in range(PARTITIONS) for at in range(ends[number])]
    assert sum(ends.values()) > 1500 and shown == ends
    found = read_experience(collected.folder)
    assert (found.label == 1).sum() == 1
    assert np.isfinite(found.row[:, 0]).all()


def test_it_follows_until_it_is_told_to_end(collected: Collected, kafka: str) -> None:
    records = list(simulate(60, 60, 4, seed=4).records())
    produce(kafka, collected.source, records[:100])
    process = collected.start(
        "--follow", sabotage="import export.commands.collect as c; c.COMMIT_SECONDS = 0.2"
    )
    try:
        wait_for(
            lambda: (collected.folder / "store.json").exists() and len(collected.places()) == 100, "events"
        )
        produce(kafka, collected.source, records[100:])
        wait_for(lambda: len(collected.places()) == len(records), "the rest")
        process.send_signal(signal.SIGTERM)
        output, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, error.decode()
    assert orjson.loads(output)["events"] == len(records)


def test_a_topic_that_is_not_there_is_told(collected: Collected) -> None:
    collected._environment["ONSIGHT_VERDICTS_TOPIC"] = "nowhere"
    process = collected.start()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"topic 'nowhere' does not exist" in error
