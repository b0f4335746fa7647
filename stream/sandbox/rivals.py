"""What else could watch the same stream: plain nearest neighbours, and a rule on the amount.

Each gives every event a number, the higher the stranger. They see the features that the detector sees, and only
events before the one they judge.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stream.context import Context
from stream.epochs import EPOCH
from stream.events import EventBatch
from stream.features import Features
from stream.profile import Profile
from stream.windows import Windows

NEIGHBOURS = 5
SAMPLE = 1000  # events of the sample that all cards are compared with
MAX_KEYS = 100_000

Floats = NDArray[np.float32]


def contexts(profile: Profile, batches: Iterable[EventBatch]) -> Iterable[tuple[Floats, Context]]:
    """Rows [B, F] of each batch and their cards' windows, as a detector of one partition has them."""
    windows = Windows(profile.window, profile.columns, MAX_KEYS, EPOCH)
    features = Features(profile, MAX_KEYS, EPOCH)
    for batch in batches:
        at = windows.place(batch.entity, batch.offset)
        rows = features.on_batch(batch, windows.elapsed(at, batch.time))
        yield rows, windows.gather(at, rows)
        windows.append(at, rows, batch.time, batch.offset)
        windows.close_epoch()
        features.close_epoch()


def own_neighbours(rows: Floats, context: Context, category: Floats) -> Floats:
    """Distance [B] of each event to the NEIGHBOURS-th nearest of its own window, in standard deviations of it.

    rows: [B, F]; category: [F]. An event with fewer rows before it than that is never strange: 0.
    """
    kept = context.mask[:, :, None] > 0
    window = np.where(kept, np.nan_to_num(context.window), 0)
    count = context.mask.sum(axis=1)
    some = np.maximum(count, 1)[:, None]
    mean = window.sum(axis=1) / some
    spread = np.sqrt((np.square(window - mean[:, None]) * kept).sum(axis=1) / some)
    apart = (window - np.nan_to_num(rows)[:, None]) / np.where(spread > 0, spread, 1)[:, None]
    differs = ~_same(context.window, rows[:, None])
    apart = np.where(category > 0, differs, apart)
    distance = np.where(context.mask > 0, np.square(apart).sum(axis=2), np.inf)
    if distance.shape[1] < NEIGHBOURS:
        return np.zeros(len(rows), np.float32)
    nearest = np.partition(distance, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return np.sqrt(np.where(count >= NEIGHBOURS, nearest, 0)).astype(np.float32)


def all_neighbours(rows: Floats, category: Floats, past: int, rng: np.random.Generator) -> Floats:
    """Distance [B] of each event to the NEIGHBOURS-th nearest of a sample of the first `past` events of all cards.

    rows: [B, F] of the whole stream; category: [F]. In standard deviations of those first events.
    """
    sample = rows[rng.choice(past, min(SAMPLE, past), replace=False)]
    numbers = category == 0
    mean, spread = np.nanmean(rows[:past, numbers], axis=0), np.nanstd(rows[:past, numbers], axis=0)
    scale = np.where(spread > 0, spread, 1)
    every, some = (np.nan_to_num((part[:, numbers] - mean) / scale) for part in (rows, sample))
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), EPOCH):
        part = slice(start, start + EPOCH)
        distance = np.square(every[part]).sum(axis=1)[:, None] + np.square(some).sum(axis=1)
        distance -= 2 * every[part] @ some.T
        for column in np.flatnonzero(category):
            distance += ~_same(rows[part, column, None], sample[:, column])
        found[part] = np.partition(distance, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return found


def _same(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Whether values are equal, a missing one being equal to a missing one."""
    same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same
