"""Each sentence of the model contract as one check.

A check takes a model and gives the worst figure that it saw; the model passes if that is at most the limit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from export.golden import Inputs, draw_inputs
from stream.artifact import INPUTS
from stream.scorer import TILE

EXACT = 1e-5
FARTHER = 10.0 ** np.arange(1, 31)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model says about a batch."""

    score: np.ndarray  # [B]
    attribution: np.ndarray  # [B, F]

    def difference(self, other: "Outputs") -> float:
        """The largest difference of any score or share; infinite where one is not a number."""
        pairs = ((self.score, other.score), (self.attribution, other.attribution))
        return worst(*(np.abs(a - b) for a, b in pairs))


Model = Callable[[Inputs], Outputs]


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence of the contract. `measure` gives a figure that may be at most `limit`."""

    sentence: str
    measure: Callable[[Model], float]
    limit: float = 0.0


def worst(*figures: np.ndarray) -> float:
    """The largest of all; infinite where one is not a number."""
    return max(float(np.nan_to_num(figure, nan=np.inf).max(initial=0.0)) for figure in figures) + 0.0


def events(**changes: object) -> dict[str, np.ndarray]:
    """Numbers, categories and directions, labels, gaps and missing values."""
    sizes: dict[str, object] = {"events": 48, "rows": 24, "peers": 40, "columns": 7, "missing": 0.03}
    return draw_inputs(11, **(sizes | changes))  # type: ignore[arg-type]


def bounds(model: Model) -> float:
    """How far a score is out of [0, 1]."""
    score = model(events()).score
    return worst(-score, score - 1, np.abs(np.array(score.shape) - 48))


def shares(model: Model) -> float:
    """How far a share is below 0, or an event's sum from 1."""
    share = model(events()).attribution
    return worst(-share, np.abs(share.sum(1) - 1), np.abs(np.array(share.shape) - (48, 7)))


def order(model: Model) -> float:
    """Events on the way out, up to a billion times as far, that get the score of another (or a lower one).

    Of unrelated events up to 1 % may meet by chance: between two scores lie but some million float32 numbers.
    """
    ladder = far_away(np.concatenate([1.0 + 0.05 * np.arange(200), FARTHER[1:9]]))
    ties = int((np.diff(model(ladder).score) <= 0).sum())
    unrelated = model(events(plain=True, missing=0.0, events=512, columns=2)).score
    return ties + max(0, len(unrelated) - len(np.unique(unrelated)) - 5)


def no_context(model: Model) -> float:
    """How far a score without window and peers is from 0.5."""
    return worst(np.abs(model(events(rows=0, peers=0)).score - 0.5))


def no_rows(model: Model) -> float:
    """Of events without a window, as `usable` has it."""
    return usable(model, events(rows=0))


def no_peers(model: Model) -> float:
    """Of events without peers, as `usable` has it."""
    return usable(model, events(peers=0))


def missing(model: Model) -> float:
    """Of events of which much is missing, as `usable` has it."""
    everywhere = events()
    everywhere["query"][:16, :] = np.nan
    everywhere["window"][8:24] = np.nan
    everywhere["peers"][:, 0] = np.nan
    return max(usable(model, events(missing=0.5)), usable(model, everywhere))


def extreme(model: Model) -> float:
    """Of huge and constant values, as `usable` has it."""
    huge = events()
    huge["query"][:8] = 1e30
    huge["query"][8:16] = -3e38
    huge["window"][16:24, ::2] *= np.float32(1e30)
    huge["window"][24:32] = huge["window"][24:32, -1:, :]
    return usable(model, huge)


def absent_rows(model: Model) -> float:
    """What stands in rows that the masks call absent makes no difference."""
    clean, filled = events(), events()
    filled["window"][filled["window_mask"] == 0] = 7e7
    filled["peers"][filled["peers_mask"] == 0] = -7e7
    return model(clean).difference(model(filled))


def labels(model: Model) -> float:
    """Calling rows like the event confirmed anomalies, in the window and among the peers, must not lower its score."""
    plain = events(plain=True, missing=0.0)
    plain["window"][:, :8] = plain["query"][:, None]
    marked = plain | {"window_label": plain["window_label"].copy()}
    marked["window_label"][:, :8] = 1
    before, after = model(plain).score, model(marked).score
    return worst(before - after, (before == after).astype(float))


def categories(model: Model) -> float:
    """Other codes for the same categories make no difference."""
    named = events()
    renamed = {name: array.copy() for name, array in named.items()}
    for name in ("query", "window", "peers"):
        column = named[name][..., 2]
        for old, new in ((11.0, 3.0), (7e6, 16.0), (123457.0, -5.0), (42.0, 1e7)):
            renamed[name][..., 2][column == old] = new
    return model(named).difference(model(renamed))


def directions(model: Model) -> float:
    """Going to the side that is not strange never raises the score."""
    rises = []
    for side in (1, -1):
        steps = far_away(np.concatenate([[0.0], FARTHER[:12]]), sign=-side, column=0)
        steps["direction"][0] = side
        rises.append(np.diff(model(steps).score))
    return worst(*rises)


def rows_exchange(model: Model) -> float:
    """Rows in another order make no difference."""
    plain = events()
    turn = np.random.default_rng(5).permutation(24)
    turned = plain | {name: plain[name][:, turn] for name in ("window", "window_mask", "window_label")}
    turn = np.random.default_rng(6).permutation(40)
    turned |= {name: plain[name][turn] for name in ("peers", "peers_mask", "peers_label")}
    return model(plain).difference(model(turned))


def columns_exchange(model: Model) -> float:
    """Columns in another order make no difference, and their shares move along."""
    plain = events()
    turn = np.random.default_rng(7).permutation(7)
    names = ("query", "window", "peers", "category", "direction")
    turned = model(plain | {name: np.ascontiguousarray(plain[name][..., turn]) for name in names})
    seen = model(plain)
    return Outputs(seen.score, seen.attribution[:, turn]).difference(turned)


def units(model: Model) -> float:
    """Other units and another zero for every number make no difference."""
    plain = events()
    rng = np.random.default_rng(8)
    number = plain["category"] == 0
    scale = np.where(number, 10 ** rng.uniform(-3, 3, 7), 1)
    shift = np.where(number, rng.normal(size=7) * np.nanstd(plain["peers"], axis=0) * scale, 0)
    moved = {name: (plain[name] * scale + shift).astype(np.float32) for name in ("query", "window", "peers")}
    return model(plain).difference(model(plain | moved))


def rays(model: Model) -> float:
    """The largest fall of the score on the way out."""
    ways = [far_away(np.concatenate([1 + np.arange(50) * 0.2, FARTHER[1:]]), sign=sign) for sign in (1, -1)]
    ways += [far_away(FARTHER, column=column) for column in range(3)]
    return worst(*(-np.diff(model(way).score) for way in ways))


def batches(model: Model) -> float:
    """An event alone, and beside others that are far away or missing, against the same event in its batch."""
    plain = events()
    own = ("query", "window", "window_mask", "window_label")
    wild = {name: plain[name].copy() for name in ("query", "window")}
    wild["query"][1::2], wild["window"][1::2] = 1e30, np.nan
    together, beside = model(plain), model(plain | wild)
    alone = [model(plain | {name: plain[name][i : i + 1] for name in own}) for i in range(0, 48, 2)]
    single = Outputs(
        np.concatenate([one.score for one in alone]), np.concatenate([one.attribution for one in alone])
    )
    even = Outputs(together.score[::2], together.attribution[::2])
    return max(even.difference(single), even.difference(Outputs(beside.score[::2], beside.attribution[::2])))


def usable(model: Model, inputs: Inputs) -> float:
    """0 if every score and share is a number in its bounds, else how far it is out."""
    seen = model(inputs)
    share = seen.attribution
    return worst(-seen.score, seen.score - 1, -share, np.maximum(np.abs(share.sum(1) - 1) - EXACT, 0))


def far_away(steps: np.ndarray, sign: int = 1, column: int | None = None) -> dict[str, np.ndarray]:
    """One event for each step, ever farther from one and the same context (in one column, or in all).

    The last one fills a tile up, as the scorer would: products of matrices round a rest of rows in another way.
    """
    steps = np.pad(steps, (0, -len(steps) % TILE), mode="edge")
    one: Mapping[str, np.ndarray] = draw_inputs(21, events=1, rows=24, peers=40, columns=3, plain=True)
    spread = np.abs(one["window"]).max(axis=(0, 1)) + np.abs(one["peers"]).max(axis=0)
    way = np.ones(3) if column is None else np.arange(3) == column
    query = np.median(one["window"], axis=1) * (way == 0) + sign * steps[:, None] * spread * way
    own = {name: np.repeat(one[name], len(steps), axis=0) for name in INPUTS if INPUTS[name][0] == "B"}
    return {name: array.copy() for name, array in one.items()} | own | {"query": query.astype(np.float32)}


CHECKS = (
    Check("the score is in [0, 1]", bounds),
    Check("the score is strictly ordered: no saturation ties", order),
    Check("the attribution is not negative and sums to 1", shares, EXACT),
    Check("R may be 0", no_rows),
    Check("P may be 0", no_peers),
    Check("with neither window nor peers the score is 0.5", no_context, EXACT),
    Check("missing values are NaN, in query or context", missing),
    Check("huge and constant values give scores too", extreme),
    Check("rows that are not present make no difference", absent_rows, EXACT),
    Check("confirmed anomalies are no evidence of being normal", labels),
    Check("of a category only equality means anything", categories, EXACT),
    Check("of a direction only that side is strange", directions, EXACT),
    Check("rows are exchangeable", rows_exchange, EXACT),
    Check("features are exchangeable", columns_exchange, EXACT),
    Check("scaling and shifting a number changes nothing", units, EXACT),
    Check("farther is never less strange, however far", rays),
    Check("batch composition changes nothing", batches, EXACT),
)
