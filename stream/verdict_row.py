"""A verdict's features back to the row that the model saw: the inverse of what an alert says of them."""

from collections.abc import Mapping

import numpy as np

from stream.columns import Codes, code_column
from stream.days import DAY
from stream.feature import Feature
from stream.profile import Profile
from stream.transforms import transform


def row_of(profile: Profile, features: Mapping[str, object]) -> np.ndarray:
    """float32 [F]; NaN where a feature is missing, masked, or nothing that it can be."""
    row = np.full(profile.columns, np.nan, np.float32)
    column = 0
    for feature in profile.features:
        row[column : column + feature.columns] = _columns(feature, features.get(feature.name))
        column += feature.columns
    return row


def codes_of(profile: Profile, event: Mapping[str, object]) -> np.ndarray:
    """float32 [V], of the fields that features of kind `verdicts` look at; NaN where the verdict has none."""
    return np.array([code_of(event.get(path)) for path in profile.judged], np.float32)


def code_of(value: object) -> float:
    """The code of a category's value, NaN where it has none."""
    codes = code_column([value], Codes())
    return np.nan if codes is None else float(codes[0])


def _columns(feature: Feature, value: object) -> np.ndarray | float:
    if feature.mask:
        return np.nan
    if feature.kind == "category":
        return code_of(value)
    if feature.kind == "time_of_day":
        hours, _, minutes = str(value).partition(":")
        if not (hours.isdecimal() and minutes.isdecimal()):
            return np.nan
        angle = (int(hours) * 3600 + int(minutes) * 60) * (2 * np.pi / DAY)
        return np.array([np.sin(angle), np.cos(angle)])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return np.nan
    return transform(feature, np.array([float(value)]))
