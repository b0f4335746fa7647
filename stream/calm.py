"""How much an alert is worth beside the verdicts: one like alerts that were dismissed is worth less.

An event and a judged one are alike where they are in what makes the event strange: distances of single columns are
weighted with the event's attribution. A number's distance is measured in the peers' spread, and in half of how far the
judged value itself is out: a dismissed 900 is like 1,000, where 50 is usual, and not like 5,000. Farther than a
dismissed event is never calmer.

The precision to expect of such alerts is that of the judged ones alike, beside a little of the benefit of the doubt:
(PRIOR + confirmed) / (PRIOR + confirmed + dismissed), each counted by how alike it is. It is 1 without verdicts.
"""

import numpy as np
from numpy.typing import NDArray

from stream.context import Peers

PRIOR = 0.1
REACH = 0.5  # of the spread and of the judged value's distance from the middle
CAP = 10.0  # beyond it, distances are the same


def precision(
    rows: NDArray[np.float32],
    attribution: NDArray[np.float32],
    sample: Peers,
    judged: Peers,
    category: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The precision to expect of alerts on events: float64 [K], above 0 and at most 1.

    rows, attribution [K, F]: the events; sample: the peers, for the scale; judged: labelled rows; category [F].
    """
    present = judged.mask > 0
    theirs, label = judged.rows[present].astype(np.float64), judged.label[present]
    reach = _reach(sample.rows[sample.mask > 0].astype(np.float64), theirs)
    apart = np.abs(rows.astype(np.float64)[:, None, :] - theirs)  # [K, J, F]
    apart = np.where(category > 0, np.where(apart == 0, 0.0, CAP), np.minimum(apart / reach, CAP))
    unknown = np.isnan(rows)[:, None, :] & np.isnan(theirs)
    apart = np.where(unknown, 0.0, np.where(np.isnan(apart), CAP, apart))
    alike = np.maximum(0.0, 1.0 - np.einsum("kjf,kf->kj", apart, attribution.astype(np.float64)))
    confirmed, dismissed = alike @ (label > 0), alike @ (label < 0)
    return np.asarray((PRIOR + confirmed) / (PRIOR + confirmed + dismissed))


def _reach(sample: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from a judged value a number is still a little like it: [J, F]."""
    if not len(sample):
        return np.full(theirs.shape, 1e-9)
    ordered = np.sort(sample, axis=0)  # NaN last
    known = np.maximum(np.count_nonzero(~np.isnan(sample), axis=0), 1)
    middle = np.take_along_axis(ordered, ((known - 1) // 2)[None], axis=0)
    off = np.sort(np.abs(sample - middle), axis=0)
    spread = np.take_along_axis(off, ((known - 1) // 2)[None], axis=0)
    reach = REACH * (spread + np.abs(theirs - middle))
    return np.maximum(np.where(np.isnan(reach), 0.0, reach), 1e-9)
