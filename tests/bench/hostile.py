"""Hostile records among good ones: is every good one scored, and every bad one kept aside as it came?"""

import tempfile
from collections import Counter
from pathlib import Path

import click
import orjson

from tests.bench.cluster import Cluster, cluster
from tests.bench.hostile_records import MIB, Record, mixed
from tests.bench.load import fill
from tests.bench.report import finish
from tests.bench.worker import Worker
from tests.bench.workload import card_events, card_profile

PARTITIONS = 4
FIRST = 10_000  # good events before, as a partition's first epoch can't alert
LARGE = {"max.message.bytes": str(2 * MIB)}
Place = tuple[int, int]  # partition and offset


@click.command()
@click.option("--good", default=100_000, help="Good events.")
@click.option("--bad", default=10_000, help="Hostile records among them.")
@click.option("--large", default=200, help="Those of the hostile that are longer than 1 MiB.")
@click.option("--keys", default=5_000, help="Cards.")
@click.option("--seed", default=1, help="Of the hostile records and their places.")
def command(good: int, bad: int, large: int, keys: int, seed: int) -> None:
    """Good events scored, hostile records in the dead letters as they came, and the worker's memory."""
    with cluster() as kafka, tempfile.TemporaryDirectory() as folder:
        topics = {
            "input_topic": kafka.topic("events", PARTITIONS, LARGE),
            "alerts_topic": kafka.topic("alerts", PARTITIONS),
            "dead_letters_topic": kafka.topic("dead-letters", PARTITIONS, LARGE),
        }
        source, group = topics["input_topic"], f"bench-{kafka.run}"
        fill(kafka.bootstrap, source, card_events(FIRST, keys), FIRST, "first epochs")
        begins = kafka.ends(source)
        sent = list(mixed(good, bad, large, keys, seed, first=FIRST))
        hostile = Counter(record for is_good, record in sent if not is_good)
        fill(kafka.bootstrap, source, (record for _, record in sent), len(sent), "good and hostile records")
        del sent
        with Worker(kafka, group, profile=card_profile(Path(folder), 1), **topics) as worker:
            kafka.wait_for(group, source, worker.alive, "onsight")
            rss = worker.peak_rss_mib()
            worker.stop()
        scored = _scored(kafka, topics["alerts_topic"], begins)
        letters = _letters(kafka, topics["dead_letters_topic"])
    as_sent = Counter(record for record, _ in letters.values())
    finish(
        {
            "good_scored": len(scored),
            "dead_letters": len(letters),
            "rss_mib": round(rss, 1),
            "good": good,
            "hostile": bad,
            "dead_letters_as_sent": (as_sent & hostile).total(),
            "reasons": dict(Counter(reason for _, reason in letters.values()).most_common()),
            "profile": "card, alerts: {p: 1, suppress: 0}",
        }
    )


def _scored(kafka: Cluster, alerts: str, begins: list[int]) -> set[Place]:
    """The source places, from `begins` on, of all alerts."""
    sources = (orjson.loads(message.value())["source"] for message in kafka.read(alerts))
    places = {(source["partition"], source["offset"]) for source in sources}
    return {place for place in places if place[1] >= begins[place[0]]}


def _letters(kafka: Cluster, dead_letters: str) -> dict[Place, tuple[Record, str]]:
    """Record and reason of each dead letter, by its source place."""
    found = {}
    for message in kafka.read(dead_letters):
        headers = {name: value.decode() for name, value in message.headers()}
        place = (int(headers["partition"]), int(headers["offset"]))
        found[place] = ((message.key(), message.value()), headers["reason"])
    return found
