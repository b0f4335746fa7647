"""One purchase after another: who pays where, how much, and what the record says of place and device."""

import numpy as np
from numpy.typing import NDArray

from stream.sandbox.world import COUNTRY, MCC_LOG_AMOUNT, PLACE, Bools, Floats, Ints, World

PURCHASE = np.dtype(
    [
        ("day", np.float64),  # days since the stream's start
        ("card", np.int64),
        ("terminal", np.int64),
        ("amount", np.float64),  # EUR, two decimals
        ("city", np.int64),  # index into CITIES, where the terminal is or, on the net, where the buyer is
        ("lat", np.float64),  # degrees
        ("lon", np.float64),
        ("device", np.int64),  # -1 at a shop; the card's own number is its holder's device
        ("kind", np.int8),  # ground truth: index into KINDS, 0 honest
        ("incident", np.int64),  # ground truth: number of the fraud it belongs to, -1 honest
    ]
)
Purchases = NDArray[np.void]  # of PURCHASE, [B]


def buy(
    rng: np.random.Generator,
    world: World,
    card: Ints,
    day: Floats,
    terminal: Ints,
    buyer: Ints,
    log_factor: Floats | float = 0.0,
) -> Purchases:
    """Purchases of the cards' usual amounts times exp(log_factor).

    card, day, terminal, buyer (the city the buyer is in): [B].
    """
    cards, terminals = world.cards, world.terminals
    made = np.zeros(len(card), PURCHASE)
    log_amount = cards.log_amount[card] + MCC_LOG_AMOUNT[terminals.merchant[terminal]] + log_factor
    log_amount += rng.standard_normal(len(card)) * cards.spread[card]
    online = terminals.online[terminal]
    at_home = online & (buyer == cards.city[card])
    place = np.where(at_home[:, None], cards.place[card], PLACE[buyer])
    place = np.where(online[:, None], place + rng.normal(0, 0.01, place.shape), terminals.place[terminal])
    made["day"], made["card"], made["terminal"] = day, card, terminal
    made["amount"] = np.round(np.clip(np.exp(log_amount), 0.5, 9999), 2)
    made["city"] = np.where(online, buyer, terminals.city[terminal])
    made["lat"], made["lon"] = np.round(place, 4).T
    made["device"] = np.where(online, card, -1)
    made["incident"] = -1
    return made


def random_elsewhere(rng: np.random.Generator, city: Ints) -> Ints:
    """For each city one of another country; [B]."""
    other = rng.integers(0, len(COUNTRY), (len(city), 16))
    abroad: Bools = COUNTRY[other] != COUNTRY[city][:, None]
    chosen: Ints = other[np.arange(len(city)), abroad.argmax(axis=1)]
    return chosen
