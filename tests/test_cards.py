"""The card simulator: reproducible, in time order, honest about what it plants."""

import numpy as np
import orjson
import pytest

from stream.sandbox.cards import KINDS, Stream, simulate
from stream.sandbox.world import COUNTRY


@pytest.fixture(scope="module")
def stream() -> Stream:
    return simulate(1000, 300, 30, seed=5, fraud_rate=0.01)


def test_the_same_seed_makes_the_same_bytes() -> None:
    first, second, other = (list(simulate(50, 60, 4, seed).records()) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_events_are_in_time_order_and_hold_the_profile_s_fields(stream: Stream) -> None:
    events = [orjson.loads(value) for _, value in stream.records()]
    assert len(events) == len(stream) > 30_000
    times = [event["ts"] for event in events]
    assert times == sorted(times) == stream.time_ms.tolist()
    fields = "id card ts amount currency terminal mcc country lat lon online device"
    assert all(set(event) == set(fields.split()) for event in events)


def test_the_key_is_the_card_and_parts_are_the_whole(stream: Stream) -> None:
    part = list(stream.records(100, 110))
    assert part == list(stream.records())[100:110]
    assert all(key.decode() == orjson.loads(value)["card"] for key, value in part)


def test_every_kind_of_fraud_is_there_after_the_quiet_part(stream: Stream) -> None:
    assert set(np.unique(stream.fraud)) == set(range(len(KINDS)))
    fraud = stream.fraud > 0
    assert 0.001 < fraud.mean() < 0.02
    assert stream.purchases["day"][fraud].min() > 30 / 4
    assert ((stream.incident >= 0) == fraud).all()


def test_frauds_overlap_with_honest_behaviour(stream: Stream) -> None:
    """No rule on the amount, and none on the country, tells them apart."""
    amount, kind = stream.purchases["amount"], stream.fraud
    for fraud in (1, 3, 4):
        assert np.median(amount[kind == fraud]) < np.percentile(amount[kind == 0], 95)
    assert (amount[kind == 0] < np.median(amount[kind == 2])).any()
    home = COUNTRY[stream.world.cards.city[stream.purchases["card"]]]
    abroad = COUNTRY[stream.purchases["city"]] != home
    assert abroad[kind == 3].all()
    assert (abroad & (kind == 0)).sum() > (kind == 3).sum()


def test_holders_have_habits(stream: Stream) -> None:
    """A card's honest purchases differ less from each other than from those of other cards."""
    honest = stream.purchases[stream.fraud == 0]
    card, amount = honest["card"], np.log(honest["amount"])
    mean = np.bincount(card, amount) / np.maximum(np.bincount(card), 1)
    assert np.var(amount - mean[card]) < 0.9 * np.var(amount)
    pairs = card * 10_000 + honest["terminal"]
    assert len(np.unique(pairs)) < 0.7 * len(pairs)
    hour = np.bincount((honest["day"] % 1 * 24).astype(int), minlength=24)
    assert hour[:5].sum() < hour[11:16].sum() / 3
