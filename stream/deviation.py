"""How far a number is from what is usual for its entity, by its window: robust z-scores, shares of the median."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stream.context import Context
from stream.feature import Feature
from stream.transforms import transform

LEAST = 4  # earlier values; with fewer, a deviation is unknown
NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation
NARROWEST = 0.25  # the least scale, in mean absolute deviations: for windows with many equal values
TINY = 1e-3  # of the median, for windows with none but equal ones
FARTHEST = 1e4  # scales

# For each feature of kind deviation, its column and that of the number.
Deviations: TypeAlias = tuple[tuple[Feature, int, int], ...]


def fill_deviations(deviations: Deviations, rows: NDArray[np.float32], context: Context) -> None:
    """Write the deviations of the events [B, F] from the windows in `context` into their columns of `rows`."""
    for feature, column, number in deviations:
        past = np.where(context.mask > 0, context.window[:, :, number], np.nan).astype(np.float64)
        apart = deviation(rows[:, number].astype(np.float64), past, of_median=feature.of == "median")
        rows[:, column] = transform(feature, apart)


def deviation(
    value: NDArray[np.float64], past: NDArray[np.float64], *, of_median: bool = False
) -> NDArray[np.float64]:
    """(value - median) / scale, from -FARTHEST to FARTHEST: float64 [B]; NaN where there are too few values.

    value: [B]; past: [B, R], NaN where missing. The scale is the median absolute deviation as that of a normal
    distribution (Rousseeuw and Croux, JASA 1993), which up to half of the values can't move far, or the median's size.
    """
    known = np.count_nonzero(~np.isnan(past), axis=1)
    median = _median(past, known)
    if of_median:
        scale = np.abs(median)
    else:
        off = np.abs(past - median[:, None])
        mean = np.nansum(off, axis=1) / np.maximum(known, 1)
        scale = np.maximum(np.maximum(_median(off, known) * NORMAL, mean * NARROWEST), np.abs(median) * TINY)
    apart = (value - median) / np.maximum(scale, 1e-30)
    return np.where(known >= LEAST, np.clip(apart, -FARTHEST, FARTHEST), np.nan)


def _median(values: NDArray[np.float64], known: NDArray[np.intp]) -> NDArray[np.float64]:
    """Of each row [B] of `values` [B, R], of which so many are no NaN; NaN where none is."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaN last
    places = np.maximum(np.stack([known - 1, known], axis=1) // 2, 0)
    middle: NDArray[np.float64] = np.take_along_axis(ordered, places, axis=1).mean(axis=1)
    return middle
