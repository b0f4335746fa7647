"""Feature values as numbers that people know, and as text."""

import math
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from stream.days import DAY
from stream.feature import Feature

HIDDEN = "***"
MISSING = "missing"
HUGE = 1e300  # stands for infinity, which medians and ratios don't survive

Value = float | str | bool | None


def natural(feature: Feature, columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the columns [..., feature.columns] of a feature stand for, float64 [...], NaN where missing.

    number: as in the event; elapsed: seconds; rate: events; time_of_day: seconds since midnight UTC;
    category: its code, which nobody can read back.
    """
    wide = columns.astype(np.float64)
    if feature.kind == "time_of_day":
        return np.arctan2(wide[..., 0], wide[..., 1]) % (2 * np.pi) * (DAY / (2 * np.pi))
    value: NDArray[np.float64] = wide[..., 0]
    if feature.transform:
        with np.errstate(over="ignore"):
            signed = feature.transform == "signed_log"
            value = np.sign(value) * np.expm1(np.abs(value)) if signed else np.expm1(value)
    return np.minimum(np.maximum(value, -HUGE), HUGE)


def measured(feature: Feature, raw: object, columns: NDArray[np.float32]) -> float:
    """The natural value of one event's columns [feature.columns]; a number as exact as the event has it."""
    if feature.kind == "number" and isinstance(raw, Real) and not isinstance(raw, bool):
        return float(raw)
    return float(natural(feature, columns))


def plain(feature: Feature, raw: object, value: float) -> Value:
    """A natural value for a machine: HH:MM for a time of day, `raw` for a category, None where missing."""
    if feature.mask:
        return HIDDEN
    if feature.kind == "category":
        return raw if isinstance(raw, str | bool | int | float) else None if raw is None else str(raw)
    if not math.isfinite(value):
        return None
    if feature.kind == "time_of_day":
        return clock(value)
    return value if feature.kind == "number" else float(f"{value:.6g}")  # what a float32 column knows


def readable(feature: Feature, raw: object, value: float) -> str:
    """A natural value for a person, with its unit; an integer in the event (`raw`) counts whole things."""
    if feature.mask:
        return HIDDEN
    if feature.kind == "elapsed":
        return duration(value)
    if feature.kind == "time_of_day":
        return clock(value)
    text = number(
        value, whole=feature.kind == "rate" or (feature.kind != "deviation" and isinstance(raw, Integral))
    )
    return f"{text} {feature.unit}" if feature.unit and text != MISSING else text


def number(value: float, whole: bool = False) -> str:
    """1,250.00 or 0.0123; 1,250 or 2.5 where whole things are counted."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value) or abs(value) >= 1e15:
        return f"{value:.3g}"
    if whole:
        return f"{value:,.0f}" if abs(value) >= 10 or abs(value - round(value)) < 0.05 else f"{value:,.1f}"
    return f"{value:,.2f}" if abs(value) >= 1 or abs(value) < 1e-6 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """0.25 s, 12 s, 35 min, 5 h, 3 days."""
    if math.isnan(seconds):
        return MISSING
    if seconds < 10 and abs(seconds - round(seconds)) >= 0.05:
        return f"{seconds:.2g} s"
    for unit, size, largest in (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 2 * DAY)):
        if seconds < largest:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / DAY:,.0f} days"


def clock(seconds: float) -> str:
    """14:30, from seconds since midnight."""
    if math.isnan(seconds):
        return MISSING
    minutes = int((seconds + 0.5) // 60) % 1440  # half a second is more than float32 columns are off
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def times(ratio: float) -> str:
    """9.1, 250 or 3e+07 times."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}" if ratio < 1e6 else f"{ratio:.0e}"
