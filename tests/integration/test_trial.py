"""A trial over a rebalance: workers come and go, and it goes on as if one worker had seen all of it."""

import numpy as np
import pytest
from card_stream import OTHER_FOLDER, events, other_scorer, profile, scorer
from deployment import PARTITIONS, Feed, wait_for
from model_stream import COUNT, OTHER, OWN, Stream, found, key, place, stream, turns
from test_worker import admin, deploy, sources

from stream.events import decode
from stream.lineup import Lineup
from stream.replay import Replay
from stream.shadow import KINDS

__all__ = ["admin", "deploy", "key", "sources", "stream"]  # fixtures

pytestmark = pytest.mark.kafka


def whole_trial(topic: str) -> tuple[dict[str, int], set[tuple[int, int]]]:
    """Alerts by kind, and where the live model's are, if nothing ever happens."""
    described, other = profile(), other_scorer()
    replay = Replay(described, scorer(), topic=topic, partitions=PARTITIONS)
    for detector in replay.detectors:
        detector.use(Lineup(scorer(), other))
    batch, _ = decode(described, None, [value for _, value in events(COUNT)], np.arange(COUNT))
    alerts = replay.on_batch(batch).alerts
    counts = {kind: sum(detector.shadow.counts[kind] for detector in replay.detectors) for kind in KINDS}
    return counts, {(alert.source.partition, alert.offset) for _, alert in alerts}


def test_a_worker_that_joins_and_leaves_in_the_midst_of_a_trial_changes_nothing(
    kafka: str, stream: Stream
) -> None:
    stream.publish_own(OTHER_FOLDER, "--shadow")
    deployment = stream.deployment
    deployment.start("stays")
    stream.await_models(OWN, OTHER)
    feed = Feed(kafka, deployment.source, events(COUNT))
    try:
        guest = deployment.start("guest")
        wait_for(lambda: guest.running, "the second worker to have partitions")
        stream.await_models(OWN, OTHER)
        assert feed.trickles
        assert guest.stop() == 0, guest.log
    finally:
        feed.finish()
    deployment.settle()
    report = wait_for(lambda: found(stream, events=COUNT), "the whole report")
    counts, alerts = whole_trial(deployment.source)
    assert (report["live"], report["shadow"], report["partitions"]) == (OWN, OTHER, PARTITIONS)
    assert {kind: report[kind] for kind in KINDS} == counts
    assert all(counts.values())
    assert {place(body) for body in stream.alerts()} == alerts
    assert {tuple(turns(models)) for models in stream.digests().values()} == {(OWN,)}
