"""Which events of a batch have the same key, and in which order."""

from hypothesis import given
from hypothesis import strategies as st

from stream.slots import place


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
