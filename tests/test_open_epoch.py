"""The open epoch: comes back as it was, and says which scores are made with other labels once these are enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import StateError
from stream.open_epoch import ENOUGH, OpenEpoch


def filled(count: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    score = np.arange(start, start + count, dtype=np.float32)
    return score, 10.0 * score.astype(np.float64)


@given(st.integers(0, 200), st.none() | st.integers(0, 300), st.integers(0, 300))
def test_scores_since_the_labels_changed_are_told_once_there_are_enough(
    before: int, after: int | None, next_epoch: int
) -> None:
    epoch = OpenEpoch()
    epoch.add(*filled(before))
    if after is not None:
        epoch.relabel()
        epoch.add(*filled(after, before))
    epoch = OpenEpoch(epoch.pack())
    assert len(epoch) == before + (after or 0)
    scored, fresh = epoch.close()
    assert scored["score"].tolist() == list(range(before + (after or 0)))
    assert scored["time"].tolist() == [10.0 * score for score in scored["score"].tolist()]
    enough = after is not None and after >= ENOUGH
    assert (fresh is not None and fresh["score"].tolist() == list(range(before, before + after))) == enough
    epoch = OpenEpoch(epoch.pack())
    epoch.add(*filled(next_epoch))
    scored, fresh = epoch.close()
    assert len(scored) == next_epoch
    late = after is not None and not enough and next_epoch >= ENOUGH
    assert (fresh is not None and len(fresh) == next_epoch) == late


def test_an_epoch_of_another_version_is_refused() -> None:
    with pytest.raises(StateError, match="the policy's open epoch in the changelog has version 09"):
        OpenEpoch(b"\x09" + bytes(20))
