"""Records that no event source should send, and somebody's does: each must be refused, none may do harm."""

import json
import random
from collections.abc import Callable, Iterator

from tests.bench.workload import START_MS, card_events

MIB = 2**20
Record = tuple[bytes | None, bytes | None]
Maker = Callable[[random.Random], Record]


def _event(rng: random.Random, **fields: object) -> Record:
    card = f"c{rng.randrange(5000):06d}"
    event = {
        "card": card,
        "ts": START_MS,
        "amount": 10.0,
        "lat": 48.2,
        "lon": 16.4,
        "country": "AT",
        **fields,
    }
    return card.encode(), json.dumps(event).encode()


def _random_bytes(rng: random.Random) -> Record:
    return rng.randbytes(8), b"\xff" + rng.randbytes(rng.randrange(200))


def _truncated(rng: random.Random) -> Record:
    key, value = _event(rng)
    assert value
    return key, value[: rng.randrange(len(value))]


def _deep(rng: random.Random) -> Record:
    depth = rng.choice((100, 5_000, 50_000))
    return b"deep", b'{"card": "c000001", "ts": 1, "amount": ' + b"[" * depth + b"]" * depth + b"}"


def _huge_number(rng: random.Random) -> Record:
    name = rng.choice(("ts", "amount"))
    return _event(rng, **{name: rng.choice((10**400, 2**70, 1e300, -1e300)) if name == "ts" else 1e300})


def _wrong_type(rng: random.Random) -> Record:
    wrong: dict[str, tuple[object, ...]] = {
        "card": (None, "", ["c"], {"c": 1}, True, 1.5),
        "ts": (None, "yesterday", [1], {}, True, -1),
        "amount": ("ten", [10], {}, True),
        "country": (["AT"], {"AT": 1}),
    }
    name = rng.choice(sorted(wrong))
    return _event(rng, **{name: rng.choice(wrong[name])})


def _not_an_object(rng: random.Random) -> Record:
    return b"scalar", rng.choice((b"1", b"null", b'"text"', b"[]", b"true", b" "))


def _null_key(rng: random.Random) -> Record:
    return None, _event(rng)[1]


def _null_value(rng: random.Random) -> Record:
    return _event(rng)[0], None


def _large(rng: random.Random) -> Record:
    return _event(rng, note="x" * MIB)


KINDS: tuple[Maker, ...] = (
    _random_bytes,
    _truncated,
    _deep,
    _huge_number,
    _wrong_type,
    _not_an_object,
    _null_key,
    _null_value,
)


def mixed(
    good: int, bad: int, large: int, keys: int, seed: int, *, first: int
) -> Iterator[tuple[bool, Record]]:
    """Whether it is good, and the record: `bad` hostile ones at seeded places, `large` of them over 1 MiB."""
    rng = random.Random(seed)
    events = card_events(good, keys, first=first)
    hostile = [_large] * large + [KINDS[i % len(KINDS)] for i in range(bad - large)]
    rng.shuffle(hostile)
    places = set(rng.sample(range(good + bad), bad))
    for place in range(good + bad):
        if place in places:
            yield False, hostile.pop()(rng)
        else:
            yield True, next(events)
