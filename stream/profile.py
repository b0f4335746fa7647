"""What an event is: which field is the entity, which is the time, and which are features."""

from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stream.deviation import Deviations
from stream.errors import ProfileError
from stream.feature import Direction, Feature, check_verdicts, overlap, read_features
from stream.yaml_tree import Mistakes, Section, did_you_mean, read

Unit = Literal["s", "ms", "us", "ns", "iso"]
MAX_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class TimeField:
    """Where an event says when it happened, and how."""

    field: str
    unit: Unit  # iso: ISO 8601 text, UTC unless it says otherwise; the others count from 1970 UTC


@dataclass(frozen=True, slots=True)
class AlertRule:
    """How many alerts may leave."""

    per_day: float | None  # alert budget: alerts a day over all partitions
    p: float | None  # or a fixed p-value; exactly one of the two
    suppress: float = 3600.0  # seconds (event time) in which an entity's repeats fold into its first alert


@dataclass(frozen=True, slots=True)
class Profile:
    """What an event is, of F feature columns in all; `load` and `parse` make one."""

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
    categories: tuple[str, ...] = field(init=False, repr=False, compare=False)  # all others of features
    judged: tuple[str, ...] = field(init=False, repr=False, compare=False)  # fields of kind verdicts
    fields: tuple[str, ...] = field(init=False, repr=False, compare=False)  # all paths read from an event
    masked: frozenset[str] = field(init=False, repr=False, compare=False)  # those that never leave in clear
    deviations: Deviations = field(init=False, repr=False, compare=False)
    relative: tuple[int, ...] = field(init=False, repr=False, compare=False)  # columns for the peers alone

    def __post_init__(self) -> None:
        owner = [index for index, feature in enumerate(self.features) for _ in range(feature.columns)]
        put = partial(object.__setattr__, self)
        sources = [(feature.field, feature) for feature in self.features if feature.field]
        numbers = [path for path, feature in sources if feature.kind == "number"]
        categories = [path for path, feature in sources if feature.kind not in ("number", "deviation")]
        judged = [path for path, feature in sources if feature.kind == "verdicts"]
        every = [self.entity, self.time.field, *(path for path, _ in sources), *self.show]
        put("columns", len(owner))
        put("column_owner", tuple(owner))
        put("category", _constant([self.features[i].kind == "category" for i in owner]))
        put("direction", _constant([self.features[i].direction for i in owner]))
        put("numbers", tuple(dict.fromkeys(numbers)))
        put("categories", tuple(dict.fromkeys(categories)))
        put("judged", tuple(dict.fromkeys(judged)))
        put("fields", tuple(dict.fromkeys(every)))
        put("deviations", self._deviations(owner))
        relative = [column for column, i in enumerate(owner) if self.features[i].relative]
        put("relative", tuple(relative) if self.peers else ())
        hidden = [path for path, feature in sources if feature.mask]
        put("masked", frozenset(path for path in every if any(overlap(path, mask) for mask in hidden)))

    def _deviations(self, owner: list[int]) -> Deviations:
        """The number of a deviation is the column of the first feature of kind number with its field."""
        columns = [(column, self.features[i]) for column, i in enumerate(owner)]
        numbers = {feature.field: column for column, feature in reversed(columns) if feature.kind == "number"}
        found = [(feature, column) for column, feature in columns if feature.kind == "deviation"]
        return tuple(
            (feature, column, numbers[feature.field]) for feature, column in found if feature.field in numbers
        )


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
        features=read_features(features),
        alerts=_alerts(alerts) if alerts else AlertRule(None, None),
        window=int(64 if window is None else window),
        peers=int(128 if peers is None else peers),
        show=top.texts("show"),
    )
    for feature, written in zip(profile.features, features, strict=True):
        check_verdicts(feature, profile.masked, written)
    if profile.columns > MAX_COLUMNS:
        top.wrong("features", f"take {profile.columns} columns", f"at most {MAX_COLUMNS}")
    for section in (top, entity, time, alerts, *features):
        if section:
            section.close()
    return profile


def _time(section: Section) -> TimeField:
    return TimeField(section.text("field"), section.choice("unit", get_args(Unit)))


def _alerts(section: Section) -> AlertRule:
    per_day = section.number("per_day", "more than 0", lambda n: n > 0)
    p = section.number("p", "more than 0 and at most 1", lambda n: 0 < n <= 1)
    if section.has("per_day") == section.has("p"):
        seen = "and p are both given" if section.has("p") else "and p are both missing"
        section.wrong("per_day", seen, "exactly one: an alert budget (per_day) or a fixed p-value (p)")
    suppress = section.number("suppress", "0 or more seconds", lambda n: n >= 0)
    return AlertRule(per_day, p, 3600.0 if suppress is None else float(suppress))
