"""What became of a batch of events."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stream.alerts import Alert
from stream.drift_monitor import Shift


@dataclass(frozen=True, slots=True)
class Decisions:
    """What became of B events: offset int64 [B], score float32 [B], p_value float64 [B], the alerts that leave, and
    the drifts that began."""

    offset: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    alerts: tuple[Alert, ...]
    shifts: tuple[Shift, ...] = ()


def joined(parts: Sequence[Decisions]) -> Decisions:
    """Those of several batches, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Decisions(
        np.concatenate([np.empty(0, np.int64), *(part.offset for part in parts)]),
        np.concatenate([np.empty(0, np.float32), *(part.score for part in parts)]),
        np.concatenate([np.empty(0), *(part.p_value for part in parts)]),
        tuple(alert for part in parts for alert in part.alerts),
        tuple(shift for part in parts for shift in part.shifts),
    )
