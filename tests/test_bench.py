"""The benches' pure pieces: what they play, and how they judge. Their figures need an idle machine."""

from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from stream.artifact import load_artifact, shipped
from stream.events import decode
from stream.profile import load
from stream.scorer import Scorer
from tests.bench.__main__ import BENCHES, benches
from tests.bench.crash import compare
from tests.bench.handloop import Loop
from tests.bench.hostile_records import MIB, mixed
from tests.bench.naive import OneByOne
from tests.bench.reload import examine
from tests.bench.report import spread
from tests.bench.workload import card_events, card_profile


def test_every_bench_is_listed_on_a_line_of_its_own() -> None:
    lines = CliRunner().invoke(benches, []).stdout.splitlines()
    assert len(lines) == len(BENCHES)
    assert all(f"make bench B={name}" in line for name, line in zip(BENCHES, lines, strict=True))


def test_card_events_are_seeded_and_show_every_key_first() -> None:
    events = list(card_events(300, keys=100))
    assert events == list(card_events(300, keys=100))
    assert len({key for key, _ in events[:100]}) == 100
    keys, values = zip(*events, strict=True)
    batch, rejects = decode(load("card"), keys, values, np.arange(300))
    assert (len(batch), rejects) == (300, ())


@pytest.mark.parametrize("p", [1e-9, 0.02, 1])
def test_the_profile_differs_in_its_alert_rule_only(tmp_path: Path, p: float) -> None:
    profile, built_in = load(card_profile(tmp_path, p)), load("card")
    assert (profile.alerts.p, profile.alerts.suppress) == (p, 0)
    assert profile.features == built_in.features


def test_hostile_records_are_all_refused_and_good_ones_are_not() -> None:
    sent = list(mixed(good=300, bad=200, large=3, keys=50, seed=1, first=0))
    keys, values = zip(*(record for _, record in sent), strict=True)
    batch, rejects = decode(load("card"), keys, values, np.arange(500))
    assert [reject.index for reject in rejects] == [i for i, (good, _) in enumerate(sent) if not good]
    assert len(batch) == 300
    assert sum(len(value or b"") > MIB for value in values) == 3


def test_alerts_are_compared_by_id_and_body() -> None:
    expected = {name: Counter([b"body"]) for name in "abcd"}
    seen = {
        "a": Counter([b"body"]),
        "b": Counter([b"body", b"body"]),
        "c": Counter([b"other"]),
        "e": Counter([b"body"]),
    }
    found = compare(seen, expected)
    assert found == {"compared": 3, "lost": 1, "different": 1, "invented": 1, "repeated": 1}


def test_the_yardsticks_score_as_onsight_does() -> None:
    """The hand loop and the plain agent differ in how peers are kept; windows and columns are the same."""
    profile, artifact = load("card"), load_artifact(shipped())
    values = [value for _, value in card_events(400, keys=4)]
    scorer = Scorer(artifact, profile.category, profile.direction)
    loop, naive = Loop(profile, scorer), OneByOne(profile, artifact)
    windows: dict[str, bytes] = {}
    for value in values:
        event = orjson.loads(value)
        _, windows[event["card"]] = naive.on_event(event, windows.get(event["card"], b""))
    loop.on_batch(values)
    slot = loop.windows.slots.find("c000002")
    ring, count = loop.windows.row[slot], int(loop.windows.count[slot])
    theirs = np.frombuffer(windows["c000002"], np.dtype([("time", "<f8"), ("row", "<f4", (8,))]))["row"]
    rate = slice(0, 7)  # the rate is exact in one and estimated in the other
    np.testing.assert_allclose(
        np.roll(ring, -count % 64, axis=0)[:, rate], theirs[:, rate], rtol=1e-5, atol=1e-6
    )


def test_a_spread_is_median_and_extremes() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}


def test_a_reload_is_examined_by_what_each_batch_says() -> None:
    def batch(partition: int, first: int, last: int, *models: str, at: float = 0.0) -> list[object]:
        return ["batch", partition, first, last, last - first + 1, list(models), at]

    published = [("b", 10.0), ("c", 20.0)]
    good = [
        ["change", 0, -1, 9.0],
        batch(0, 0, 9, "a", "a", at=9.0),
        ["change", 0, 9, 0.004],
        batch(0, 10, 19, "b", at=10.5),
        ["change", 0, 19, 0.006],
        batch(0, 20, 29, "c", at=20.25),
    ]
    found = examine(good, 30, published)
    assert (found["lost"], found["repeated"], found["mixed_batches"], found["out_of_order"]) == (0, 0, 0, 0)
    assert found["swap_ms"] == {"median": 5.0, "min": 4.0, "max": 6.0}
    assert found["taken_up_ms"] == {"median": 375.0, "min": 250.0, "max": 500.0}
    assert examine(good, 31, published)["lost"] == 1
    assert examine([*good, batch(0, 25, 31, "c")], 32, published)["repeated"] == 5
    assert examine([*good, batch(0, 30, 31, "c", "b")], 32, published)["mixed_batches"] == 1
    assert examine([*good, batch(0, 30, 31, "a")], 32, published)["out_of_order"] == 1
    assert examine([*good, batch(1, 0, 1, "b")], 32, published)["out_of_order"] == 1
