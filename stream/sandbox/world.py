"""The small world of the card simulator: cities, terminals and card holders with habits, all from a seed.

Legend: C cards, T terminals, K favourite terminals of a card.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FAVOURITES = 12  # K
TRIPS = 0.02  # of a holder in 30 days, abroad
HOMES = 14  # card holders live in the first cities of the list, and travel to any of another country
CITIES = (
    ("FR", 48.86, 2.35),
    ("FR", 45.76, 4.84),
    ("FR", 43.30, 5.37),
    ("DE", 52.52, 13.41),
    ("DE", 48.14, 11.58),
    ("DE", 53.55, 9.99),
    ("IT", 41.90, 12.50),
    ("IT", 45.46, 9.19),
    ("ES", 40.42, -3.70),
    ("ES", 41.39, 2.17),
    ("NL", 52.37, 4.90),
    ("BE", 50.85, 4.35),
    ("AT", 48.21, 16.37),
    ("PT", 38.72, -9.14),
    ("GR", 37.98, 23.73),
    ("PL", 52.23, 21.01),
    ("GB", 51.51, -0.13),
    ("TR", 41.01, 28.98),
    ("US", 40.71, -74.01),
    ("BR", -23.55, -46.63),
    ("TH", 13.76, 100.50),
    ("NG", 6.52, 3.38),
)
COUNTRY = np.array([country for country, _, _ in CITIES])
PLACE = np.array([(lat, lon) for _, lat, lon in CITIES])

# Merchant category code, its share of the shops and of the online shops, shift of the log amount there.
MERCHANTS = (
    ("5411", 0.24, 0.05, 0.2),  # groceries
    ("5812", 0.18, 0.05, 0.1),  # restaurants
    ("5814", 0.14, 0.05, -0.8),  # fast food
    ("4111", 0.08, 0.05, -1.2),  # local transport
    ("5541", 0.10, 0.00, 0.5),  # fuel
    ("5912", 0.09, 0.05, -0.3),  # drug stores
    ("5651", 0.08, 0.20, 0.6),  # clothes
    ("5732", 0.03, 0.15, 1.5),  # electronics
    ("5944", 0.01, 0.02, 1.8),  # jewellery
    ("7011", 0.05, 0.05, 1.5),  # hotels
    ("5815", 0.00, 0.33, -1.1),  # digital goods
)
MCC = np.array([code for code, *_ in MERCHANTS])
MCC_LOG_AMOUNT = np.array([shift for *_, shift in MERCHANTS])


@dataclass(frozen=True, slots=True)
class Terminals:
    """Sorted by city, those on the net last, so that a city's terminals are a range."""

    city: Ints  # [T] index into CITIES; the seat of an online shop
    online: Bools  # [T]
    merchant: Ints  # [T] index into MERCHANTS
    place: Floats  # [T, 2] latitude and longitude, degrees
    first: Ints  # [cities + 1] first terminal of each city, then of the online ones

    def pick(self, rng: np.random.Generator, city: Ints) -> Ints:
        """A terminal in each of the cities (the number of cities stands for the net)."""
        end = np.append(self.first, len(self.city))[city + 1]
        return rng.integers(self.first[city], end)


@dataclass(frozen=True, slots=True)
class Cards:
    """What is usual for each holder."""

    city: Ints  # [C] home, index into CITIES
    place: Floats  # [C, 2] latitude and longitude of home
    per_day: Floats  # [C] purchases
    weekend: Floats  # [C] activity on Saturday and Sunday relative to other days
    hour: Floats  # [C] of the day around which most purchases are made, UTC
    per_outing: Floats  # [C] purchases within an hour or so, on average
    log_amount: Floats  # [C] median of the amount, natural logarithm of EUR
    spread: Floats  # [C] standard deviation of the amount's logarithm
    favourites: Ints  # [C, K] terminals, the dearest first
    trip_city: Ints  # [C] where the holder travels once; without a trip it ends before it starts
    trip: Floats  # [C, 2] first and last moment of the trip, days

    def travels(self, card: Ints, day: Floats) -> Bools:
        """Whether each card's holder is on the trip at that moment; card, day: [B]."""
        away: Bools = (self.trip[card, 0] <= day) & (day < self.trip[card, 1])
        return away


@dataclass(frozen=True, slots=True)
class World:
    """Where and by whom is bought."""

    terminals: Terminals
    cards: Cards


def make_world(rng: np.random.Generator, cards: int, terminals: int, days: float) -> World:
    """Draw a world; `terminals` is at least 50, so that every city and the net have some."""
    shops = _terminals(rng, terminals)
    return World(shops, _cards(rng, cards, days, shops))


def _terminals(rng: np.random.Generator, count: int) -> Terminals:
    cities = len(CITIES)
    everywhere = np.arange(cities + 1)  # the last one is the net
    weights = np.append(np.full(HOMES, 6.0), np.ones(cities - HOMES))
    weights = np.append(weights / weights.sum() * 0.85, 0.15)
    group = np.sort(np.concatenate([everywhere, rng.choice(everywhere, count - cities - 1, p=weights)]))
    online = group == cities
    city = np.where(online, rng.integers(0, cities, count), group)
    merchant = np.where(
        online,
        rng.choice(len(MERCHANTS), count, p=np.array([share for _, _, share, _ in MERCHANTS])),
        rng.choice(len(MERCHANTS), count, p=np.array([share for _, share, _, _ in MERCHANTS])),
    )
    place = np.round(PLACE[city] + rng.normal(0, 0.06, (count, 2)), 4)
    return Terminals(city, online, merchant, place, np.searchsorted(group, everywhere))


def _cards(rng: np.random.Generator, count: int, days: float, terminals: Terminals) -> Cards:
    city = rng.integers(0, HOMES, count)
    on_the_net = rng.random((count, FAVOURITES)) < 0.2
    on_the_net[:, 1] |= rng.random(count) < 0.7
    where = np.where(on_the_net, len(CITIES), city[:, None])
    away = rng.integers(0, len(CITIES), count)
    travels = (rng.random(count) < TRIPS * days / 30) & (COUNTRY[away] != COUNTRY[city])
    start = rng.uniform(-5, days, count)
    return Cards(
        city=city,
        place=np.round(PLACE[city] + rng.normal(0, 0.05, (count, 2)), 4),
        per_day=np.clip(rng.lognormal(0.4, 0.8, count), 0.2, 20),
        weekend=rng.uniform(0.5, 1.6, count),
        hour=np.where(rng.random(count) < 0.08, 22.5, rng.normal(14, 2, count)),
        per_outing=1 + 0.12 * rng.lognormal(0, 1.3, count),
        log_amount=rng.normal(3.3, 0.9, count),
        spread=rng.uniform(0.25, 0.55, count),
        favourites=terminals.pick(rng, where),
        trip_city=away,
        trip=np.stack([start, np.where(travels, start + rng.uniform(2, 12, count), start)], axis=1),
    )
