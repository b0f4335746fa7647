"""A seeded stream of card transactions with frauds in it: the same seed makes the same bytes.

Holders have habits (favourite terminals near home, amounts, hours, weekends) and now and then do what is
unusual though honest: travel, give large presents, buy where they never did, at night or on a new device.
The frauds of `stream.sandbox.frauds` overlap with that. Which events they are is kept apart from the records.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from stream.sandbox.frauds import KINDS, plant
from stream.sandbox.purchases import Purchases, buy
from stream.sandbox.world import (
    CITIES,
    COUNTRY,
    FAVOURITES,
    MCC,
    Bools,
    Cards,
    Floats,
    Ints,
    World,
    make_world,
)

MONDAY_MS = 1_735_516_800_000  # 30 December 2024, 00:00 UTC: the stream's start
DAY_MS = 86_400_000
BREAK = 15 / 1440  # between the purchases of an outing, on average; days

__all__ = ["KINDS", "Stream", "simulate"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Card transactions in time order, B of them, and apart from them the truth."""

    world: World
    purchases: Purchases  # [B], see purchases.PURCHASE
    time_ms: Ints  # [B] milliseconds since 1970 UTC, never falling

    def __len__(self) -> int:
        return len(self.purchases)

    @property
    def fraud(self) -> NDArray[np.int8]:
        """[B] index into KINDS, 0 where honest. Event i has the id "t" and i in nine digits."""
        return self.purchases["kind"]

    @property
    def incident(self) -> Ints:
        """[B] number of the fraud that an event belongs to, -1 where honest."""
        return self.purchases["incident"]

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Key (the card) and value (JSON) of the events from position `start` to before `stop`."""
        part, terminals = self.purchases[start:stop], self.world.terminals
        columns = (
            self.time_ms[start:stop],
            part["card"],
            part["amount"],
            part["terminal"],
            MCC[terminals.merchant[part["terminal"]]],
            COUNTRY[part["city"]],
            part["lat"],
            part["lon"],
            terminals.online[part["terminal"]],
            part["device"],
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for index, (ts, number, amount, terminal, mcc, country, lat, lon, online, device) in enumerate(
            rows, start
        ):
            card = f"c{number:06d}"
            event = {
                "id": f"t{index:09d}",
                "card": card,
                "ts": ts,
                "amount": amount,
                "currency": "EUR",
                "terminal": f"m{terminal:05d}",
                "mcc": mcc,
                "country": country,
                "lat": lat,
                "lon": lon,
                "online": online,
                "device": f"d{device:07d}" if device >= 0 else None,
            }
            yield card.encode(), orjson.dumps(event)


def simulate(cards: int, terminals: int, days: float, seed: int, *, fraud_rate: float = 0.003) -> Stream:
    """Simulate some 2 transactions per card and day.

    `terminals` is at least 50. `fraud_rate`: incidents of each kind, per card and 30 days. Frauds begin after
    a quarter of the days, when everybody has shown habits.
    """
    rng = np.random.default_rng(seed)
    world = make_world(rng, cards, terminals, days)
    honest = _honest(rng, world, days)
    frauds = plant(rng, world, honest, days, fraud_rate)
    both = np.concatenate([honest, frauds[frauds["day"] < days]])
    both = both[np.argsort(both["day"], kind="stable")]
    return Stream(world, both, MONDAY_MS + np.floor(both["day"] * DAY_MS).astype(np.int64))


def _honest(rng: np.random.Generator, world: World, days: float) -> Purchases:
    cards = world.cards
    card, day = _outings(rng, cards, days)
    away = cards.travels(card, day)
    buyer = np.where(away, cards.trip_city[card], cards.city[card])
    terminal = _choose_terminals(rng, world, card, buyer, away)
    present = rng.random(len(card)) < 0.01
    log_factor = np.where(present, rng.normal(1.3, 0.4, len(card)), np.where(away, 0.2, 0.0))
    made = buy(rng, world, card, day, terminal, buyer, log_factor)
    new_device = (made["device"] >= 0) & (rng.random(len(card)) < 0.002)
    made["device"] = np.where(new_device, rng.integers(10**6, 10**7, len(card)), made["device"])
    return made


def _outings(rng: np.random.Generator, cards: Cards, days: float) -> tuple[Ints, Floats]:
    """The card and the moment in days of each purchase; [B] each.

    Who goes out buys once or a few times within the hour.
    """
    going = np.repeat(np.arange(len(cards.city)), rng.poisson(cards.per_day * days / cards.per_outing))
    start, awake = _moments(rng, cards, going, days)
    going, start = going[awake], start[awake]
    size = rng.geometric(1 / cards.per_outing[going])
    outing = np.repeat(np.arange(len(going)), size)
    nth = np.arange(len(outing)) - np.repeat(np.cumsum(size) - size, size)
    day = start[outing] + nth * rng.gamma(2.0, BREAK / 2, len(outing))
    before_the_end = day < days
    return going[outing][before_the_end], day[before_the_end]


def _moments(rng: np.random.Generator, cards: Cards, card: Ints, days: float) -> tuple[Floats, Bools]:
    """For each outing a moment in days and, as weekends differ, whether it takes place; [B] each."""
    date = np.floor(rng.uniform(0, days, len(card)))
    hour = cards.hour[card] + rng.normal(0, 3.2, len(card))
    odd_hour = rng.random(len(card)) < 0.03
    hour = np.where(odd_hour, rng.uniform(0, 24, len(card)), hour) % 24
    weekend = cards.weekend[card]
    activity = np.where(date % 7 >= 5, weekend, 1.0) / np.maximum(weekend, 1.0)
    day = date + hour / 24
    return day, (rng.random(len(card)) < activity) & (day < days)


def _choose_terminals(rng: np.random.Generator, world: World, card: Ints, buyer: Ints, away: Bools) -> Ints:
    """Mostly a favourite; else, and on a trip always, a terminal of the buyer's city or of the net; [B]."""
    rank = np.minimum(rng.geometric(0.25, len(card)) - 1, FAVOURITES - 1)
    favourite = world.cards.favourites[card, rank]
    on_the_net = rng.random(len(card)) < 0.25
    other = world.terminals.pick(rng, np.where(on_the_net, len(CITIES), buyer))
    explores = away | (rng.random(len(card)) < 0.15)
    return np.where(explores, other, favourite)
