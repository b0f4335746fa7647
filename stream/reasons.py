"""Why an event is strange: the features that weigh most, in words, and the most similar context rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.profile import Profile
from stream.sentences import Look, sentence
from stream.wording import HIDDEN, MISSING, Value, measured, natural, plain, readable

MOST = 3  # reasons, and rows of evidence
LEAST_SHARE = 0.05
FEW = 5  # earlier events; with fewer, an entity is compared with its peers
NOTHING: Mapping[str, tuple[int, int]] = {}
CAP = 10.0  # robust deviations, beyond which rows are equally far


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature's part in what makes an event strange."""

    feature: str
    value: Value  # number, seconds (elapsed), events (rate), HH:MM (time of day) or text; None: missing
    typical: Value  # the context's median, in the same terms; None for a category, or without a context
    share: float  # of the event's strangeness
    text: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """One event and the context that it is told against."""

    profile: Profile
    fields: Mapping[str, object]
    row: NDArray[np.float32]  # [F]
    context: NDArray[np.float32]  # [K, F], without padding
    own: bool
    given: Mapping[str, tuple[int, int]]

    def columns(self, index: int) -> slice:
        """Columns of a feature."""
        start = self.profile.column_owner.index(index)
        return slice(start, start + self.profile.features[index].columns)

    def raw(self, index: int) -> object:
        path = self.profile.features[index].field
        return self.fields.get(path) if path else None

    def look(self, index: int) -> Look:
        feature, raw, columns = self.profile.features[index], self.raw(index), self.columns(index)
        past = natural(feature, self.context[:, columns])
        value = measured(feature, raw, self.row[columns])
        given = self.given.get(feature.name, (0, 0))
        known = past[~np.isnan(past)]
        return Look(feature, raw, value, known, len(past), self.own, self.profile.noun, given)


def explain(
    profile: Profile,
    fields: Mapping[str, object],
    row: NDArray[np.float32],
    *,
    window: NDArray[np.float32],
    mask: NDArray[np.float32],
    peers: NDArray[np.float32],
    peers_mask: NDArray[np.float32],
    attribution: NDArray[np.float32],
    given: Mapping[str, tuple[int, int]] = NOTHING,
) -> tuple[tuple[Reason, ...], tuple[Mapping[str, str], ...]]:
    """At most three reasons, the weightiest first, and at most three context rows as readable values.

    fields: the event's values by path; row [F]: its columns; window [R, F] with mask [R] and peers [P, F]
    with peers_mask [P]: its context; attribution [F]; given: of features of kind verdicts, how many confirmed
    and dismissed what they look at. What is masked appears in none of them.
    """
    mine, theirs = window[mask > 0], peers[peers_mask > 0]
    own = len(mine) >= FEW or not len(theirs)
    scene = _Scene(profile, fields, row, mine if own else theirs, own, given)
    weight = np.where(np.isfinite(attribution), attribution, 0.0).astype(np.float64)
    share = np.bincount(np.asarray(profile.column_owner), weight, len(profile.features))
    weightiest = [i for i in np.argsort(-share, kind="stable")[:MOST].tolist() if share[i] >= LEAST_SHARE]
    reasons = tuple(
        _reason(scene.look(index), float(share[index]), first=place == 0 and not len(mine))
        for place, index in enumerate(weightiest)
    )
    return reasons, tuple(_readable(scene, _nearest(scene, weight)))


def _reason(look: Look, share: float, first: bool) -> Reason:
    """`first`: this opens the story of an entity that was never seen before."""
    feature, text = look.feature, sentence(look)
    opening = f"first event of this {look.noun}"
    if first and text != opening:
        text = f"{opening}; {text}"
    median = float(f"{look.median:.6g}")
    typical = None if feature.kind == "category" else plain(feature, None, median)
    return Reason(
        feature.name,
        plain(feature, look.raw, look.value),
        HIDDEN if feature.mask else typical,
        round(share, 4),
        text,
    )


def _nearest(scene: _Scene, weight: NDArray[np.float64]) -> list[int]:
    """Places of the context rows most like the event in what makes it strange, weight [F]; newest first."""
    context, row = scene.context.astype(np.float64), scene.row.astype(np.float64)
    if not len(context):
        return []
    with np.errstate(invalid="ignore"):
        off = np.abs(context - row)
        middle = np.sort(off, axis=0)[len(off) // 2]  # NaN sorts last
        scaled = np.fmin(off / np.where(middle > 0, middle, 1.0), CAP)
    apart = np.where(scene.profile.category > 0, off != 0, scaled)
    unknown = np.isnan(context) != np.isnan(row)
    apart = np.where(np.isnan(off), unknown, apart)
    newest_first = (apart @ weight)[::-1].argsort(kind="stable")[:MOST]
    return [len(context) - 1 - place for place in newest_first.tolist()]


def _readable(scene: _Scene, places: list[int]) -> list[Mapping[str, str]]:
    """Context rows by feature; of a category only whether it is the event's own can be told."""
    context = scene.context[places]
    rows: list[dict[str, str]] = [{} for _ in places]
    for index, feature in enumerate(scene.profile.features):
        columns, raw = scene.columns(index), scene.raw(index)
        mine = float(scene.row[columns.start])
        for row, value in zip(rows, natural(feature, context[:, columns]).tolist(), strict=True):
            if feature.kind == "category" and not feature.mask:
                row[feature.name] = (
                    MISSING if math.isnan(value) else "the same" if value == mine else "another"
                )
            else:
                row[feature.name] = readable(feature, raw, value)
    return list(rows)
