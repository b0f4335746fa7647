"""Decoding whatever comes: a run of records as each of them alone, and bytes that are nothing."""

from typing import Any

import numpy as np
import orjson
from decoding import PROFILE, assert_same, event
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.events import Limits, decode
from stream.profile import load

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PLAIN = st.sampled_from(["a", "", "17", 17, 17.0, 1, True, 0, False, None, -0.0, 1e39, "é"]) | ANY_JSON
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "who": PLAIN | st.fixed_dictionaries({"id": PLAIN}),
        "who.id": PLAIN,
        "at": st.integers(0, 10**12) | PLAIN,
        "amount": st.floats(-100, 100) | PLAIN,
        "shop": PLAIN,
    },
)
RECORD = (
    st.builds(event, at=st.integers(0, 10**12), shop=PLAIN)
    | SHAPED
    | ANY_JSON.map(lambda value: orjson.dumps(value))
    | st.binary(max_size=40)
    | st.none()
)
LIMITS = Limits(max_bytes=200, max_depth=4)


@given(st.lists(RECORD, max_size=12), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_run_decodes_as_its_records_do_one_by_one(records: list[Any], keyed: bool) -> None:
    values = [value if isinstance(value, bytes | None) else orjson.dumps(value) for value in records]
    keys = [b"k" if keyed or i % 3 else None for i in range(len(values))]
    offsets = np.arange(len(values)) * 2 + 7
    batch, rejects = decode(PROFILE, keys, values, offsets, LIMITS)

    seen = sorted([*batch.offset.tolist(), *(reject.offset for reject in rejects)])
    assert seen == offsets.tolist()
    singles = [
        decode(PROFILE, keys[i : i + 1], values[i : i + 1], offsets[i : i + 1], LIMITS)
        for i in range(len(values))
    ]
    assert_same([single for single, _ in singles], [batch])
    assert [(r.offset, r.reason, r.detail) for _, found in singles for r in found] == [
        (r.offset, r.reason, r.detail) for r in rejects
    ]
    for text in batch.entity:
        assert 0 < len(text.encode()) <= 512
    for column in batch.numbers.values():
        assert not np.isinf(column.astype(np.float32)).any()


@given(st.lists(st.binary(max_size=60), max_size=20))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_rejected_one_by_one(values: list[bytes]) -> None:
    batch, rejects = decode(load("card"), None, values, np.arange(len(values)), Limits())
    assert len(batch) + len(rejects) == len(values)
