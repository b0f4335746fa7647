"""Models swapped in a worker that has all hands full: is every event scored, once, and each batch by one model?

The worker's process writes down each batch and the models that scored it (see witness.py).
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from export.knn import RECIPE, SOURCES, build
from export.package import make_keys, read_private_key, write_artifact
from stream.artifact import load_artifact, read_folder
from stream.job.model_topic import change_roles, read_log
from stream.model_log import describe
from stream.settings import Settings
from tests.bench.cluster import Cluster, cluster, committed
from tests.bench.load import fill
from tests.bench.report import finish, say, spread
from tests.bench.witness import VARIABLE
from tests.bench.worker import Worker
from tests.bench.workload import card_events

PARTITIONS = 4
PROFILE = "card"
WITNESS = "from tests.bench.witness import bear_witness; bear_witness()"


@click.command()
@click.option("--events", default=1_000_000, help="Events in the topic before the worker starts.")
@click.option("--keys", default=5_000, help="Cards.")
@click.option("--reloads", default=3, help="Models published while it works, evenly over the events.")
def command(events: int, keys: int, reloads: int) -> None:
    """Events lost, and batches scored by two models, while models are swapped at full load."""
    with cluster() as kafka, tempfile.TemporaryDirectory() as folder:
        source, alerts = kafka.topic("events", PARTITIONS), kafka.topic("alerts", PARTITIONS)
        models = kafka.topic("models", 1, {"cleanup.policy": "compact"})
        fill(kafka.bootstrap, source, card_events(events, keys), events, "events into the topic")
        publisher = _Publisher(kafka, models, Path(folder))
        topics = {"input_topic": source, "alerts_topic": alerts, "models_topic": models}
        group, lines = f"bench-{kafka.run}-reload", Path(folder, "witness")
        settings = {**topics, "profile": PROFILE, "trusted_keys": str(publisher.trusted)}
        with Worker(kafka, group, first=WITNESS, variables={VARIABLE: str(lines)}, **settings) as worker:
            probe = kafka.consumer(group)
            for number in range(reloads):
                while committed(probe, source) < events * (number + 1) / (reloads + 2):
                    worker.alive()
                    time.sleep(0.05)
                publisher.publish(str(number + 2))
            probe.close()
            kafka.wait_for(group, source, worker.alive, "onsight")
            summary = worker.stop()
        witnessed = [orjson.loads(line) for line in lines.read_bytes().splitlines()]
    result = examine(witnessed, events, publisher.published)
    finish({"events": events, **result, "reloads": reloads, "events_per_s": summary["events_per_s"]})


class _Publisher:
    """Publishes versions of the nearest-neighbour artifact, signed by a key of its own.

    published: digest of each, and when its last record was acknowledged
    """

    def __init__(self, kafka: Cluster, topic: str, folder: Path) -> None:
        self.published: list[tuple[str, float]] = []
        self.trusted = folder / "trusted"
        private, public = make_keys(folder / "keys")
        self.trusted.mkdir()
        public.rename(self.trusted / public.name)
        self._key: Ed25519PrivateKey = read_private_key(private)
        self._folder, self._model = folder, build()
        self._settings = Settings(kafka=kafka.bootstrap, models_topic=topic)

    def publish(self, version: str) -> None:
        folder = self._folder / version
        recipe = {"recipe": RECIPE, "sources": SOURCES}
        write_artifact(folder, self._model, self._key, name="knn", version=version, **recipe)
        files = read_folder(folder)
        model = describe(load_artifact(folder, trusted=[self._key.public_key()]), files)
        log = read_log(self._settings, PROFILE)
        change_roles(self._settings, log, log.roles.publish(model), log.parts_of(model, files))
        self.published.append((model.digest, time.time()))
        say(f"published version {version}")


def examine(
    witnessed: Iterable[Sequence[Any]], events: int, published: Sequence[tuple[str, float]]
) -> dict[str, object]:
    """What the lines of a witness say: events lost and repeated, batches of two models, seconds of the changes.

    taken_up_ms: from a model's acknowledgement to the first batch that it scored
    out_of_order: partitions that did not go from model to model as these were published, to the last
    """
    batches: dict[int, list[Any]] = defaultdict(list)
    changes: dict[int, list[float]] = defaultdict(list)
    for kind, partition, *rest in witnessed:
        if kind == "batch":
            batches[partition].append(rest)
        else:
            changes[partition].append(rest[-1])
    rank = {digest: number for number, (digest, _) in enumerate(published, 1)}
    scored = repeated = mixed = order = 0
    first: dict[str, float] = {}
    for lines in batches.values():
        scored += sum(count for _, _, count, _, _ in lines)
        edges = [(-1, -1), *((start, stop) for start, stop, *_ in lines)]
        repeated += sum(max(0, stop + 1 - start) for (_, stop), (start, _) in pairwise(edges))
        mixed += sum(len(set(used)) > 1 for _, _, _, used, _ in lines)
        for *_, used, at in lines:
            for digest in used:
                first[digest] = min(at, first.get(digest, at))
        ranks = [rank.get(digest, 0) for *_, used, _ in lines for digest in used]
        order += ranks != sorted(ranks) or ranks[-1] != len(published)
    swaps = [seconds * 1e3 for some in changes.values() for seconds in some[1:]]  # the first is the start
    taken_up = [(first[digest] - at) * 1e3 for digest, at in published if digest in first]
    return {
        "lost": events - (scored - repeated),
        "repeated": repeated,
        "mixed_batches": mixed,
        "out_of_order": order,
        "swap_ms": spread(swaps),
        "taken_up_ms": spread(taken_up),
        "batches": sum(map(len, batches.values())),
    }
