"""One thing about an event that may be strange, and how a profile's YAML says it."""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, get_args

from stream.days import DAY
from stream.fading import Fading
from stream.yaml_tree import Section

Kind = Literal["number", "category", "elapsed", "rate", "time_of_day", "verdicts", "deviation"]
Transform = Literal["log1p", "signed_log"]
Counted = Literal["entity", "field", "all"]
Given = Literal["confirmed", "dismissed", "share"]
Measure = Literal["spread", "median"]
Direction = Literal[-1, 0, 1]

DIRECTIONS: dict[str | None, Direction] = {"low": -1, "high": 1, None: 0}

# Keys of a feature beside name, kind, mask and unit: those that it must have, and those that it may.
NEEDS: dict[Kind, frozenset[str]] = {
    "number": frozenset({"field"}),
    "category": frozenset({"field"}),
    "elapsed": frozenset(),
    "rate": frozenset({"seconds"}),
    "time_of_day": frozenset(),
    "verdicts": frozenset({"field", "days"}),
    "deviation": frozenset({"field"}),
}
MAY: dict[Kind, frozenset[str]] = {
    "number": frozenset({"transform", "direction"}),
    "category": frozenset(),
    "elapsed": frozenset({"transform", "direction"}),
    "rate": frozenset({"of", "transform", "direction"}),
    "time_of_day": frozenset(),
    "verdicts": frozenset({"of", "least", "lasts", "transform", "direction"}),
    "deviation": frozenset({"of", "transform", "direction"}),
}
OF: dict[str, tuple[str, ...]] = {
    "rate": get_args(Counted),
    "verdicts": get_args(Given),
    "deviation": get_args(Measure),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """It takes one column of the model's input, or two."""

    name: str  # unique; how reasons call it
    kind: Kind
    field: str | None = None  # dotted path; None for elapsed, time_of_day, and rate of entity or all
    transform: Transform | None = None  # of all but category and time_of_day
    direction: Direction = 0  # 1: only high is strange, -1: only low
    mask: bool = False  # never leaves in clear
    seconds: float = 0.0  # rate: length of the sliding window; verdicts: until one has faded
    # rate: whose events are counted ("field": those with the same value of `field`); verdicts: which ones; deviation:
    # what it is measured in
    of: Counted | Given | Measure = "entity"
    least: int = 1  # verdicts: fewer of one kind are faint
    lasts: float = math.inf  # verdicts: seconds after which a series of them is faint
    unit: str = ""  # printed after values in reasons

    @property
    def columns(self) -> int:
        """2 for time_of_day (sine and cosine of the day's angle, UTC), else 1."""
        return 2 if self.kind == "time_of_day" else 1

    @property
    def fading(self) -> Fading:
        """Of a feature of kind verdicts."""
        return Fading(self.seconds, self.least, self.lasts)

    @property
    def relative(self) -> bool:
        """Whether its values are beside the entity's window already, or have nothing to do with it.

        The model then compares them with the peers' alone.
        """
        return self.kind in ("deviation", "verdicts")


def overlap(path: str, other: str) -> bool:
    """Whether two paths lead to the same value, or one of them to an object that holds the other's."""
    return path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")


def read_features(sections: Sequence[Section]) -> tuple[Feature, ...]:
    """The features of a profile; what is wrong with them is noted in its sections."""
    features = list(map(_feature, sections))
    _check_names(features, sections)
    _check_deviations(features, sections)
    return _masked_alike(features)


def check_verdicts(feature: Feature, masked: Set[str], section: Section) -> None:
    """Note a feature of kind verdicts on one of the fields that never leave."""
    if feature.kind == "verdicts" and feature.field in masked:
        section.wrong("field", "is masked", "a field that alerts may show, since verdicts tell its value")


def _feature(section: Section) -> Feature:
    kind: Kind = section.choice("kind", get_args(Kind))
    choices = OF.get(kind, get_args(Counted))
    of: Counted | Given | Measure = section.optional_choice("of", choices) or choices[0]
    transform = section.optional_choice("transform", [*get_args(Transform), "none"])
    if transform is None and kind in ("elapsed", "rate"):
        transform = "log1p"
    _check_keys(section, kind, of)
    days = section.number("days", "more than 0", lambda n: n > 0)
    seconds = section.number("seconds", "more than 0", lambda n: n > 0)
    least = section.number("least", "a whole number from 1 to 64", lambda n: n % 1 == 0 and 1 <= n <= 64)
    lasts = section.number("lasts", "more than 0 days", lambda n: n > 0)
    return Feature(
        name=section.text("name"),
        kind=kind,
        field=section.optional_text("field"),
        transform=None if transform == "none" else transform,
        direction=DIRECTIONS[section.optional_choice("direction", ["high", "low"])],
        mask=section.flag("mask"),
        seconds=float(days * DAY if days else seconds or 0.0),
        of=of,
        least=int(least or 1),
        lasts=lasts * DAY if lasts else math.inf,
        unit=section.optional_text("unit") or "",
    )


def _check_keys(section: Section, kind: Kind, of: str) -> None:
    """Note what a feature of this kind needs and lacks, or has and can't use."""
    needs, may = NEEDS[kind], MAY[kind]
    if kind == "rate" and of == "field":
        needs |= {"field"}
    for key in sorted(needs):
        if not section.has(key):
            section.wrong(key, "is missing", f"it on a feature of kind {kind}")
    for key in ("days", "direction", "field", "lasts", "least", "of", "seconds", "transform"):
        if section.has(key) and key not in needs | may:
            section.wrong(key, "is given", f"none on a feature of kind {kind}")


def _check_names(features: Sequence[Feature], sections: Sequence[Section]) -> None:
    seen: set[str] = set()
    for feature, section in zip(features, sections, strict=True):
        if feature.name in seen:
            section.wrong("name", f"is {feature.name!r} a second time", "a name of its own for each feature")
        seen.add(feature.name)


def _check_deviations(features: Sequence[Feature], sections: Sequence[Section]) -> None:
    numbers = {feature.field for feature in features if feature.kind == "number"}
    for feature, section in zip(features, sections, strict=True):
        if feature.kind == "deviation" and feature.field not in numbers:
            section.wrong("field", f"is {feature.field!r}", "the field of a feature of kind number")


def _masked_alike(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """A field that one feature masks is masked in every other that shows its value."""
    hidden = [feature.field for feature in features if feature.mask and feature.field]

    def alike(feature: Feature) -> Feature:
        shows = feature.kind in ("number", "category", "deviation")  # others show no field's value
        path = feature.field if shows else None
        masked = path is not None and any(overlap(path, mask) for mask in hidden)
        return replace(feature, mask=True) if masked else feature

    return tuple(map(alike, features))
