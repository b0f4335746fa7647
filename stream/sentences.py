"""One feature of an event beside its context, in a sentence. A masked feature's sentence holds no value."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten

import numpy as np
from numpy.typing import NDArray

from stream.days import DAY, HOUR
from stream.feature import Feature
from stream.wording import clock, duration, number, readable, times

MUCH = 1.5  # times the median, or its inverse: from here on the ratio is worth telling
FAR = 5.0  # times the median's inverse, or widths of the usual range
REGULAR = 0.5  # length of the mean direction of the day's angles, from which an hour can be called usual
LONGEST = 80  # characters of a category's value
NEAR = HOUR  # around a time of day


@dataclass(frozen=True)
class Look:
    """What a sentence is made of. Values are natural (`wording.natural`)."""

    feature: Feature
    raw: object  # the event's field; None: missing, or the feature has none
    value: float  # NaN: missing
    past: NDArray[np.float64]  # of the context, where not missing, [K]
    rows: int  # of the context, those with missing values too
    own: bool  # the context is the entity's own window; else its peers
    noun: str  # of the entity
    given: tuple[int, int] = (0, 0)  # verdicts: how many confirmed and dismissed

    @cached_property
    def median(self) -> float:
        """Typical value, NaN if there is none; for a time of day the mean direction."""
        if not len(self.past):
            return np.nan
        if self.feature.kind == "time_of_day":
            return float(np.angle(self.direction) % (2 * np.pi) * DAY / (2 * np.pi))
        middle, odd = divmod(len(self.past), 2)
        return float(self.ordered[middle] if odd else (self.ordered[middle - 1] + self.ordered[middle]) / 2)

    @cached_property
    def direction(self) -> complex:
        """Of a time of day: the mean of the past's angles as unit vectors, long if they agree."""
        return complex(np.exp(2j * np.pi * self.past / DAY).mean())

    @cached_property
    def ordered(self) -> NDArray[np.float64]:
        """The past, ascending."""
        return np.sort(self.past)

    def show(self, value: float) -> str:
        """A natural value with its unit."""
        return readable(self.feature, self.raw, value)

    @cached_property
    def usual(self) -> tuple[float, float]:
        """Bounds of the middle 80 % of the past."""
        rank = len(self.past) // 10
        return float(self.ordered[rank]), float(self.ordered[-1 - rank])

    @property
    def whose(self) -> str:
        return f"this {self.noun}'s" if self.own else "its peers'"

    @property
    def events(self) -> str:
        """What the context is, as the end of a phrase."""
        count = f"{self.rows} events" if self.rows != 1 else "event"
        return f"this {self.noun}'s last {count}" if self.own else f"{self.rows} recent events of its peers"


def sentence(look: Look) -> str:
    """What is said of the feature, in one line."""
    return _SENTENCES[look.feature.kind](look)


def _number(look: Look) -> str:
    name, hidden = look.feature.name, look.feature.mask
    if np.isnan(look.value):
        return f"{name} is missing; {len(look.past)} of {look.events} had one"
    subject = name if hidden else f"{name} {look.show(look.value)}"
    if not len(look.past):
        nothing = f"none of {look.events} had one" if look.rows else "there is nothing to compare it with yet"
        return f"{subject}: {nothing}"
    median = "" if hidden else number(look.median, isinstance(look.raw, int))
    if not look.own:
        place = {1: "high", -1: "low", 0: "unusual"}[_side(look)]
        return f"{subject} is {place} among its peers" + (f" (median {median})" if median else "")
    if look.feature.transform and _ratio(look) >= MUCH:
        comparison = f"{times(_ratio(look))} times {look.whose} median"
    elif _side(look):
        far = "far " if _is_far(look) else ""
        comparison = f"{far}{'above' if _side(look) > 0 else 'below'} {look.whose} median"
    else:
        comparison = f"unusual beside {look.whose} median"
    return f"{subject} is {comparison}" + (f" of {median}" if median else "")


def _ratio(look: Look) -> float:
    """How many times the median, where that means something; else 0."""
    return look.value / look.median if look.median > 0 and look.value > 0 else 0.0


def _side(look: Look) -> int:
    """1 above and -1 below what is usual, 0 within."""
    low, high = look.usual
    return int(look.value > high) - int(look.value < low)


def _is_far(look: Look) -> bool:
    ratio = _ratio(look)
    if look.feature.transform and ratio > 0:
        return ratio <= 1 / FAR
    low, high = look.usual
    return abs(look.value - look.median) > FAR * (high - low)


def _category(look: Look) -> str:
    name = look.feature.name
    if np.isnan(look.value):
        return f"{name} is missing; {len(look.past)} of {look.events} had one"
    subject = name if look.feature.mask else f"{name} {_short(str(look.raw))}"
    same = np.count_nonzero(look.past == look.value)
    if not look.rows:
        return f"{subject}: there is nothing to compare it with yet"
    return f"{subject} was " + (f"seen in {same} of {look.events}" if same else f"not seen in {look.events}")


def _elapsed(look: Look) -> str:
    if np.isnan(look.value):
        return f"first event of this {look.noun}"
    if look.feature.mask:
        return f"{look.feature.name} is {_unlike(look, 'shorter', 'longer')}"
    return f"{duration(look.value)} since the previous event{_typically(look)}"


def _rate(look: Look) -> str:
    if look.feature.mask:
        return f"{look.feature.name}: {_unlike(look, 'fewer', 'more')}"
    if np.isnan(look.value):
        return f"{look.feature.name}: not known"
    count = look.show(look.value)
    about = "about " if "." in count else ""  # sliding counts are estimates between whole numbers
    name = look.feature.name.replace("events", "event", 1) if count == "1" else look.feature.name
    return f"{about}{count} {name}{_typically(look)}"


def _verdicts(look: Look) -> str:
    """The counts themselves; the value fades with time."""
    path = look.feature.field or ""
    if np.isnan(look.value):
        return f"{path} is missing, so no verdict is known for it"
    confirmed, dismissed = look.given
    parts = []
    if confirmed or not dismissed:
        parts.append(f"{confirmed or 'no'} confirmed {'anomaly' if confirmed == 1 else 'anomalies'}")
    if dismissed:
        parts.append(f"{dismissed} dismissed {'alert' if dismissed == 1 else 'alerts'}")
    return f"{path} {_short(str(look.raw))} had {' and '.join(parts)} in the last {duration(look.feature.seconds)}"


def _deviation(look: Look) -> str:
    feature, whose = look.feature, f"this {look.noun}'s"
    if feature.mask:
        return f"{feature.name} is unlike {whose}"
    if np.isnan(look.value):
        return f"{feature.name}: too few earlier events of this {look.noun} have one"
    side = "above" if look.value > 0 else "below"
    subject = f"{feature.field} {_short(str(look.raw))}"
    far = times(abs(look.value))
    if feature.of == "median":
        return f"{subject} is {far} times {whose} median {side} it"
    return f"{subject} is {far} times the usual deviation {side} {whose} median"


def _typically(look: Look) -> str:
    if not len(look.past):
        return ""
    return f", {'' if look.own else 'among its peers '}typically {look.show(look.median)}"


def _unlike(look: Look, less: str, more: str) -> str:
    if not len(look.past):
        return "not seen before"
    return f"{less if look.value < look.median else more} than usual"


def _time_of_day(look: Look) -> str:
    who = f"this {look.noun} is" if look.own else "its peers are"
    if look.feature.mask:
        return f"{who} rarely active at such a {look.feature.name}"
    now = f"at {clock(look.value)} UTC"
    if not len(look.past):
        return now
    if abs(look.direction) >= REGULAR:
        return f"{now}; {who} usually active around {clock(look.median)}"
    apart = np.abs((look.past - look.value + DAY / 2) % DAY - DAY / 2)
    return f"{now}; {np.count_nonzero(apart <= NEAR)} of {look.events} were within an hour of it"


def _short(text: str) -> str:
    """`text` in one line of at most LONGEST characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else shorten(line, LONGEST, placeholder="...")


_SENTENCES: dict[str, Callable[[Look], str]] = {
    "number": _number,
    "category": _category,
    "elapsed": _elapsed,
    "rate": _rate,
    "time_of_day": _time_of_day,
    "verdicts": _verdicts,
    "deviation": _deviation,
}
