"""The transforms of a feature's values."""

import numpy as np

from stream.feature import Feature


def transform(feature: Feature, value: np.ndarray) -> np.ndarray:
    """The feature's transform of float64 [B]; log1p of a negative number is unknown (NaN)."""
    if feature.transform == "log1p":
        return np.asarray(np.log1p(np.where(value >= 0, value, np.nan)))
    if feature.transform == "signed_log":
        return np.asarray(np.sign(value) * np.log1p(np.abs(value)))
    return value
