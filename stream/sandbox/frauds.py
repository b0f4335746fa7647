"""Four frauds for the card simulator. Each overlaps with honest behaviour: timid, slow, or like a trip."""

import numpy as np

from stream.sandbox.purchases import Purchases, buy, random_elsewhere
from stream.sandbox.world import CITIES, Bools, Floats, Ints, World

KINDS = ("honest", "stolen card", "card testing", "account takeover", "compromised terminal")
QUIET, LAST = 0.25, 0.95  # frauds begin in this part of the stream: first everybody shows habits
HOUR = 1 / 24  # in days
THIEVES = 100_000  # number of the first device that a copied card is used on


def plant(rng: np.random.Generator, world: World, honest: Purchases, days: float, rate: float) -> Purchases:
    """The fraudulent purchases; `rate`: incidents of each kind, per card and 30 days (at least one each).

    A compromised terminal counts for six, as it strikes many cards.
    """
    incidents = max(1, round(rate * len(world.cards.city) * days / 30))
    parts = [
        _stolen(rng, world, *_victims(rng, world, incidents, days)),
        _testing(rng, world, *_victims(rng, world, incidents, days)),
        _takeover(rng, world, *_victims(rng, world, incidents, days)),
        _compromised(rng, world, honest, max(1, incidents // 6), days),
    ]
    first = 0
    for kind, part in enumerate(parts, start=1):
        part["kind"] = kind
        part["incident"] += first
        first = part["incident"].max(initial=first - 1) + 1
    return np.concatenate(parts)


def _victims(rng: np.random.Generator, world: World, count: int, days: float) -> tuple[Ints, Floats]:
    """Cards that are used at least now and then, and the moment each fraud begins."""
    active = np.flatnonzero(world.cards.per_day > 0.5)
    card = rng.choice(active, count, replace=len(active) < count)
    return card, rng.uniform(QUIET, LAST, count) * days


def _spread_out(rng: np.random.Generator, start: Floats, size: Ints, length: Floats) -> tuple[Ints, Floats]:
    """Events of each incident: its number, and a moment within `length` days of its start."""
    incident = np.repeat(np.arange(len(size)), size)
    return incident, start[incident] + rng.random(len(incident)) * length[incident]


def _stolen(rng: np.random.Generator, world: World, card: Ints, start: Floats) -> Purchases:
    """A burst of larger purchases near home at terminals new to the card; a third of thieves are timid."""
    size = rng.integers(4, 11, len(card))
    incident, day = _spread_out(rng, start, size, rng.uniform(1, 4, len(card)) * HOUR)
    timid = rng.random(len(card)) < 0.33
    larger = np.where(timid, rng.normal(0.2, 0.2, len(card)), rng.normal(1.7, 0.3, len(card)))
    victim = card[incident]
    home = world.cards.city[victim]
    terminal = world.terminals.pick(rng, home)
    made = buy(rng, world, victim, day, terminal, home, larger[incident])
    made["incident"] = incident
    return made


def _testing(rng: np.random.Generator, world: World, card: Ints, start: Floats) -> Purchases:
    """Small amounts at online terminals, mostly within minutes; a quarter take it slowly."""
    slow = rng.random(len(card)) < 0.25
    size = np.where(slow, rng.integers(3, 6, len(card)), rng.integers(5, 15, len(card)))
    length = np.where(slow, rng.uniform(4, 20, len(card)), rng.uniform(0.05, 0.4, len(card))) * HOUR
    incident, day = _spread_out(rng, start, size, length)
    victim = card[incident]
    terminal = world.terminals.pick(rng, np.full(len(victim), len(CITIES)))
    made = buy(rng, world, victim, day, terminal, world.cards.city[victim])
    made["amount"] = np.round(rng.uniform(0.5, 4.5, len(victim)), 2)
    made["device"] = _new_device(world, incident)
    made["incident"] = incident
    return made


def _takeover(rng: np.random.Generator, world: World, card: Ints, start: Floats) -> Purchases:
    """Purchases from another country, half of them online on another device; amounts as usual or above."""
    size = rng.integers(3, 9, len(card))
    incident, day = _spread_out(rng, start, size, rng.uniform(3, 36, len(card)) * HOUR)
    victim = card[incident]
    city = random_elsewhere(rng, world.cards.city[card])[incident]
    online = rng.random(len(victim)) < 0.5
    terminal = world.terminals.pick(rng, np.where(online, len(CITIES), city))
    made = buy(rng, world, victim, day, terminal, city, rng.normal(0.4, 0.5, len(card))[incident])
    made["device"] = np.where(online, _new_device(world, incident), -1)
    made["incident"] = incident
    return made


def _compromised(
    rng: np.random.Generator, world: World, honest: Purchases, count: int, days: float
) -> Purchases:
    """Some of the cards that were used at one terminal later make a few larger purchases."""
    parts = []
    for incident in range(count):
        start = rng.uniform(QUIET, 0.7) * days
        copied = honest[(honest["day"] >= start) & (honest["day"] < start + 0.1 * days)]
        busiest = np.argsort(-np.bincount(copied["terminal"]), kind="stable")[:20]
        at_it = np.unique(copied["card"][copied["terminal"] == rng.choice(busiest)])
        card = rng.permutation(at_it)[: rng.integers(8, 16)]
        size = rng.integers(1, 4, len(card))
        first = start + (0.1 + rng.random(len(card)) * 0.15) * days
        each, day = _spread_out(rng, first, size, np.full(len(card), 1.0))
        victim = card[each]
        home = world.cards.city[victim]
        online: Bools = rng.random(len(victim)) < 0.4
        terminal = world.terminals.pick(rng, np.where(online, len(CITIES), home))
        made = buy(rng, world, victim, day, terminal, home, rng.normal(1.2, 0.3, len(victim)))
        made["device"] = np.where(online, _new_device(world, np.full(len(victim), THIEVES + incident)), -1)
        made["incident"] = incident
        parts.append(made)
    return np.concatenate(parts)


def _new_device(world: World, incident: Ints) -> Ints:
    """A device that no holder has, one for each incident; [B]."""
    return len(world.cards.city) + 1_000_000 + incident
