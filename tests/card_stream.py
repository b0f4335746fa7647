"""What several tests share: a profile that alerts often, simulated card events, and the models in the package."""

from functools import cache

from stream.artifact import BASELINE, DEFAULT, LEARNED, load_artifact, shipped
from stream.profile import Profile, parse
from stream.sandbox.cards import simulate
from stream.scorer import Scorer

# Every kind of feature that keeps state, and alerts often.
PROFILE = """\
name: often
entity: {field: card, noun: card}
time: {field: ts, unit: ms}
features:
  - {name: amount, kind: number, field: amount, transform: log1p, unit: EUR}
  - {name: country, kind: category, field: country}
  - {name: time of day, kind: time_of_day}
  - {name: time since the previous event, kind: elapsed}
  - {name: events in a day, kind: rate, of: entity, seconds: 86400, direction: high}
  - {name: events of the terminal in a day, kind: rate, of: field, field: terminal, seconds: 86400}
alerts: {p: 0.3, suppress: 0}
window: 8
peers: 16
show: [id]
"""


OTHER_FOLDER = shipped(LEARNED if DEFAULT == BASELINE else BASELINE)


def profile() -> Profile:
    return parse(PROFILE, "often.yaml")


@cache
def scorer() -> Scorer:
    described = profile()
    return Scorer(load_artifact(shipped()), described.category, described.direction)


@cache
def other_scorer() -> Scorer:
    """Of the artifact that is not run where none is named."""
    described = profile()
    return Scorer(load_artifact(OTHER_FOLDER), described.category, described.direction)


@cache
def events(count: int, cards: int = 20) -> tuple[tuple[bytes, bytes], ...]:
    """The first `count` card transactions, in time order: key and JSON of each."""
    days = 1.5 * count / cards
    found = tuple(simulate(cards, terminals=50, days=days, seed=3).records(0, count))
    assert len(found) == count
    return found
