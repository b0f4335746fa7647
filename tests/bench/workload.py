"""Card transactions for the benches: the fields of the `card` profile, seeded, each key seen once in the first lap.

Habits are simple (a home, a usual amount), since what counts here is the work that an event makes.
For streams with frauds in them see stream.sandbox.cards.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import orjson
import yaml

START_MS = 1_735_516_800_000  # 30 December 2024
STEP_MS = 25  # of event time between two events
COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "ES", "FR", "GB", "IE", "IT", "NL", "PL", "PT", "SE", "US")
CHUNK = 50_000  # events made at once


def card_events(count: int, keys: int, seed: int = 1, *, first: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Key and JSON value of events `first` to `first + count` of the seeded stream over `keys` cards."""
    rng = np.random.default_rng([seed, first])
    home = np.random.default_rng(seed).uniform((36, -9, 1.5), (60, 25, 4.5), (keys, 3))
    for start in range(first, first + count, CHUNK):
        position = np.arange(start, min(start + CHUNK, first + count))
        card = np.where(position < keys, position, rng.integers(0, keys, len(position)))
        yield from _records(rng, position, card, home[card])


def _records(
    rng: np.random.Generator, position: np.ndarray, card: np.ndarray, home: np.ndarray
) -> Iterator[tuple[bytes, bytes]]:
    """Events at int64 [B] positions of int64 [B] cards, whose homes are float64 [B, 3]: degrees, log amount."""
    size = len(position)
    columns = (
        position.tolist(),
        card.tolist(),
        np.round(np.exp(home[:, 2] + rng.normal(0, 0.6, size)), 2).tolist(),
        np.round(home[:, :2] + rng.normal(0, 0.05, (size, 2)), 4).tolist(),
        np.where(
            rng.random(size) < 0.02, rng.integers(0, len(COUNTRIES), size), card % len(COUNTRIES)
        ).tolist(),
        rng.integers(0, 20_000, size).tolist(),
        (rng.random(size) < 0.3).tolist(),
    )
    for index, number, amount, (lat, lon), country, terminal, online in zip(*columns, strict=True):
        key = f"c{number:06d}"
        event = {
            "id": f"t{index:09d}",
            "card": key,
            "ts": START_MS + index * STEP_MS,
            "amount": amount,
            "currency": "EUR",
            "terminal": f"m{terminal:05d}",
            "mcc": str(5000 + terminal % 40),
            "country": COUNTRIES[country],
            "lat": lat,
            "lon": lon,
            "online": online,
        }
        yield key.encode(), orjson.dumps(event)


def card_profile(folder: Path, p: float) -> str:
    """The path of the `card` profile with another alert rule: a fixed p-value, and no repeat folded."""
    text = (resources.files("stream") / "profiles" / "card.yaml").read_text("utf-8")
    path = folder / f"card-p-{p:g}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text) | {"alerts": {"p": p, "suppress": 0}}))
    return str(path)
