"""What an event is: which field is the entity, which is the time, and which are features."""

from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stream.errors import ProfileError
from stream.yaml_tree import Mistakes, Section, did_you_mean, read

Kind = Literal["number", "category", "elapsed", "rate", "time_of_day"]
Transform = Literal["log1p", "signed_log"]
Unit = Literal["s", "ms", "us", "ns", "iso"]
Counted = Literal["entity", "field", "all"]
Direction = Literal[-1, 0, 1]

DIRECTIONS: dict[str | None, Direction] = {"low": -1, "high": 1, None: 0}
MAX_COLUMNS = 64

# Keys of a feature beside name, kind, mask and unit: those that it must have, and those that it may.
NEEDS: dict[Kind, frozenset[str]] = {
    "number": frozenset({"field"}),
    "category": frozenset({"field"}),
    "elapsed": frozenset(),
    "rate": frozenset({"seconds"}),
    "time_of_day": frozenset(),
}
MAY: dict[Kind, frozenset[str]] = {
    "number": frozenset({"transform", "direction"}),
    "category": frozenset(),
    "elapsed": frozenset({"transform", "direction"}),
    "rate": frozenset({"of", "transform", "direction"}),
    "time_of_day": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing about an event that may be strange; it takes one column of the model's input, or two."""

    name: str  # unique; how reasons call it
    kind: Kind
    field: str | None = None  # dotted path; None for elapsed, time_of_day, and rate of entity or all
    transform: Transform | None = None  # of a number, elapsed or rate
    direction: Direction = 0  # 1: only high is strange, -1: only low
    mask: bool = False  # never leaves in clear
    seconds: float = 0.0  # rate: length of the sliding window
    of: Counted = "entity"  # rate: whose events are counted ("field": those with the same value of `field`)
    unit: str = ""  # printed after values in reasons

    @property
    def columns(self) -> int:
        """2 for time_of_day (sine and cosine of the day's angle, UTC), else 1."""
        return 2 if self.kind == "time_of_day" else 1


@dataclass(frozen=True, slots=True)
class TimeField:
    field: str
    unit: Unit  # iso: ISO 8601 text, UTC unless it says otherwise; the others count from 1970 UTC


@dataclass(frozen=True, slots=True)
class AlertRule:
    per_day: float | None  # alert budget: alerts a day over all partitions
    p: float | None  # or a fixed p-value; exactly one of the two
    suppress: float = 3600.0  # seconds (event time) in which an entity's repeats fold into its first alert


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    entity: str  # dotted path of the key of the window
    noun: str  # what an entity is called in reasons: "card", "host"
    time: TimeField
    features: tuple[Feature, ...]
    alerts: AlertRule
    window: int = 64  # rows kept for each entity (R), a multiple of 8
    peers: int = 128  # rows of the partition's peer sample (P)
    show: tuple[str, ...] = ()  # further event fields copied into alerts

    # Derived once, below.
    columns: int = field(init=False, repr=False, compare=False)  # F
    column_owner: tuple[int, ...] = field(init=False, repr=False, compare=False)  # [F] index of its feature
    category: NDArray[np.float32] = field(init=False, repr=False, compare=False)  # [F] 1: category
    direction: NDArray[np.float32] = field(init=False, repr=False, compare=False)  # [F] -1, 0 or 1
    numbers: tuple[str, ...] = field(init=False, repr=False, compare=False)  # number fields
    categories: tuple[str, ...] = field(init=False, repr=False, compare=False)  # category and rate fields
    fields: tuple[str, ...] = field(init=False, repr=False, compare=False)  # all paths read from an event
    masked: frozenset[str] = field(init=False, repr=False, compare=False)  # those that never leave in clear

    def __post_init__(self) -> None:
        owner = [index for index, feature in enumerate(self.features) for _ in range(feature.columns)]
        put = partial(object.__setattr__, self)
        sources = [(feature.field, feature) for feature in self.features if feature.field]
        numbers = [path for path, feature in sources if feature.kind == "number"]
        categories = [path for path, feature in sources if feature.kind != "number"]
        every = [self.entity, self.time.field, *(path for path, _ in sources), *self.show]
        put("columns", len(owner))
        put("column_owner", tuple(owner))
        put("category", _constant([self.features[i].kind == "category" for i in owner]))
        put("direction", _constant([self.features[i].direction for i in owner]))
        put("numbers", tuple(dict.fromkeys(numbers)))
        put("categories", tuple(dict.fromkeys(categories)))
        put("fields", tuple(dict.fromkeys(every)))
        hidden = [path for path, feature in sources if feature.mask]
        put("masked", frozenset(path for path in every if any(_overlap(path, mask) for mask in hidden)))


def _overlap(path: str, other: str) -> bool:
    """Whether two paths lead to the same value, or one of them to an object that holds the other's."""
    return path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")


def _constant(values: list[bool] | list[Direction]) -> NDArray[np.float32]:
    array = np.array(values, np.float32)
    array.flags.writeable = False
    return array


def built_in() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    folder = resources.files("stream") / "profiles"
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def load(name_or_path: str) -> Profile:
    """A built-in profile by its name, or one from a YAML file.

    Raises ProfileError: no such profile or file, or every mistake in it as "file:line: ..., expected ...".
    """
    if name_or_path in built_in():
        file = resources.files("stream") / "profiles" / f"{name_or_path}.yaml"
        return parse(file.read_text("utf-8"), f"{name_or_path}.yaml")
    try:
        text = Path(name_or_path).read_text("utf-8")
    except FileNotFoundError:
        known = built_in()
        hint = did_you_mean(name_or_path, known)
        raise ProfileError(
            f"no profile {name_or_path!r}: expected a built-in name ({', '.join(known)}){hint}"
            " or the path of a YAML file; `onsight init` writes one from a sample of your events"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name_or_path}: can't be read ({error}), expected UTF-8 text") from error
    return parse(text, name_or_path)


def parse(text: str, source: str) -> Profile:
    """A profile from YAML; `source` is its name in messages. Raises ProfileError with all mistakes."""
    mistakes = Mistakes(source)
    top = read(text, mistakes)
    profile = _profile(top) if top else None
    if mistakes.found or profile is None:
        raise ProfileError(str(mistakes))
    return profile


def _profile(top: Section) -> Profile:
    name = top.text("name")
    entity = top.section("entity", "a mapping such as {field: card, noun: card}")
    time = top.section("time", "a mapping such as {field: ts, unit: ms}")
    features = top.sections("features", "a mapping such as {name: amount, kind: number, field: amount}")
    alerts = top.section("alerts", "a mapping such as {per_day: 50} or {p: 0.001}")
    window = top.number("window", "a multiple of 8 from 8 to 1024", lambda n: n % 8 == 0 and 8 <= n <= 1024)
    peers = top.number("peers", "a whole number from 0 to 4096", lambda n: n % 1 == 0 and 0 <= n <= 4096)
    profile = Profile(
        name=name,
        entity=entity.text("field") if entity else "",
        noun=(entity and entity.optional_text("noun")) or "entity",
        time=_time(time) if time else TimeField("", "s"),
        features=_masked_alike(list(map(_feature, features))),
        alerts=_alerts(alerts) if alerts else AlertRule(None, None),
        window=int(64 if window is None else window),
        peers=int(128 if peers is None else peers),
        show=top.texts("show"),
    )
    _check_names(profile, features)
    if profile.columns > MAX_COLUMNS:
        top.wrong("features", f"take {profile.columns} columns", f"at most {MAX_COLUMNS}")
    for section in (top, entity, time, alerts, *features):
        if section:
            section.close()
    return profile


def _time(section: Section) -> TimeField:
    return TimeField(section.text("field"), section.choice("unit", get_args(Unit)))


def _feature(section: Section) -> Feature:
    kind: Kind = section.choice("kind", get_args(Kind))
    of: Counted = section.optional_choice("of", get_args(Counted)) or "entity"
    transform = section.optional_choice("transform", [*get_args(Transform), "none"])
    if transform is None and kind in ("elapsed", "rate"):
        transform = "log1p"
    _check_keys(section, kind, of)
    return Feature(
        name=section.text("name"),
        kind=kind,
        field=section.optional_text("field"),
        transform=None if transform == "none" else transform,
        direction=DIRECTIONS[section.optional_choice("direction", ["high", "low"])],
        mask=section.flag("mask"),
        seconds=float(section.number("seconds", "more than 0", lambda n: n > 0) or 0.0),
        of=of,
        unit=section.optional_text("unit") or "",
    )


def _masked_alike(features: list[Feature]) -> tuple[Feature, ...]:
    """A field that one feature masks is masked in every other that shows its value."""
    hidden = [feature.field for feature in features if feature.mask and feature.field]

    def alike(feature: Feature) -> Feature:
        path = (
            feature.field if feature.kind in ("number", "category") else None
        )  # others show no field's value
        return (
            replace(feature, mask=True) if path and any(_overlap(path, mask) for mask in hidden) else feature
        )

    return tuple(map(alike, features))


def _check_keys(section: Section, kind: Kind, of: Counted) -> None:
    """Note what a feature of this kind needs and lacks, or has and can't use."""
    needs, may = NEEDS[kind], MAY[kind]
    if kind == "rate" and of == "field":
        needs |= {"field"}
    for key in sorted(needs):
        if not section.has(key):
            section.wrong(key, "is missing", f"it on a feature of kind {kind}")
    for key in ("direction", "field", "of", "seconds", "transform"):
        if section.has(key) and key not in needs | may:
            section.wrong(key, "is given", f"none on a feature of kind {kind}")


def _alerts(section: Section) -> AlertRule:
    per_day = section.number("per_day", "more than 0", lambda n: n > 0)
    p = section.number("p", "more than 0 and at most 1", lambda n: 0 < n <= 1)
    if section.has("per_day") == section.has("p"):
        seen = "and p are both given" if section.has("p") else "and p are both missing"
        section.wrong("per_day", seen, "exactly one: an alert budget (per_day) or a fixed p-value (p)")
    suppress = section.number("suppress", "0 or more seconds", lambda n: n >= 0)
    return AlertRule(per_day, p, 3600.0 if suppress is None else float(suppress))


def _check_names(profile: Profile, sections: list[Section]) -> None:
    seen: set[str] = set()
    for feature, section in zip(profile.features, sections, strict=True):
        if feature.name in seen:
            section.wrong("name", f"is {feature.name!r} a second time", "a name of its own for each feature")
        seen.add(feature.name)
