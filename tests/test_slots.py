"""Which events of a batch have the same key, in which order, and which keys have to go."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.slots import Slots, place


@given(st.lists(st.integers(0, 6), max_size=20), st.integers(1, 4))
def test_every_event_comes_with_the_ones_of_its_key_before_it(slots: list[int], most: int) -> None:
    at = place(slots)
    before = [[j for j in range(i) if slots[j] == slots[i]] for i in range(len(slots))]
    assert at.slot.tolist() == slots
    assert at.rank.tolist() == [len(some) for some in before]
    assert at.order.tolist() == sorted(range(len(slots)), key=slots.__getitem__) or not at.repeats
    assert at.repeats == any(before)
    expected = {
        (i, back, j) for i, some in enumerate(before) for back, j in enumerate(some[: -most - 1 : -1], 1)
    }
    found = list(zip(*(some.tolist() for some in at.earlier(most)), strict=True))
    assert len(found) == len(expected)
    assert set(found) == expected


@given(st.lists(st.integers(0, 20), max_size=30, unique=True), st.integers(1, 10), st.integers(0, 5))
def test_the_least_recently_seen_go_first(keys: list[int], max_keys: int, dropped: int) -> None:
    slots = Slots(max_keys, 30)
    offset = np.random.default_rng(len(keys)).permutation(len(keys))
    slots.find_all(keys, offset)
    for key in keys[:dropped]:
        slots.drop(key)
    held = sorted(zip(offset[dropped:].tolist(), keys[dropped:], strict=True))
    over = max(len(held) - max_keys, 0)
    gone = slots.expire()
    assert [key for _, key in gone] == [key for _, key in held[:over]]
    assert set(slots) == {key for _, key in held[over:]}
    assert all(slots.key[slot] is None for slot, _ in gone)
