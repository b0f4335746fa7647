"""Verdicts to JSON and back, what is said of a bad one, and the log that partitions read them from."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import Source
from stream.errors import InputError
from stream.known_verdicts import Heard, KnownVerdicts
from stream.verdict import Verdict, parse

GOOD = Verdict(
    "a1", "c1", "confirmed", "ann", 1e9, Source("cards", 2), 7, {"amount": 3.5}, {"terminal": "t1"}
)

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(
    names,
    names,
    st.sampled_from(["confirmed", "dismissed"]),
    st.integers(0, 4_000_000_000_000),
    st.none() | st.tuples(st.integers(0, 99), st.integers(0, 2**60)),
    st.dictionaries(names, st.none() | st.booleans() | st.integers(-(2**50), 2**50) | names, max_size=4),
)
def test_what_is_written_is_read_back(name, entity, verdict, ms, place, features) -> None:
    source, offset = (Source("cards", place[0]), place[1]) if place else (None, -1)
    written = Verdict(name, entity, verdict, "ann", ms / 1000, source, offset, features)
    read = parse(written.body())
    assert abs(read.at - written.at) < 0.002
    assert Verdict(**{**{f: getattr(read, f) for f in Verdict.__slots__}, "at": written.at}) == written
    assert read.subject == (f"cards/{place[0]}/{offset}" if place else name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, r'"confirmed" or "dismissed".*found \'maybe\''),
        ({"id": ""}, "expected a text as its id, found ''"),
        ({"entity": 7}, "expected a text as its entity, found 7"),
        ({"at": "noon"}, "expected a time such as .* found 'noon'"),
        ({"at": None}, "expected a time such as .* found None"),
        ({"source": {"topic": "cards"}}, "expected topic, partition and offset"),
        ({"source": {"topic": "cards", "partition": 0, "offset": -3}}, "from 0 on"),
        ({"features": [1]}, "expected an object as its features"),
    ],
)
def test_a_bad_verdict_is_told_apart(change: dict[str, object], message: str) -> None:
    body = orjson.dumps({**orjson.loads(GOOD.body()), **change})
    with pytest.raises(InputError, match=message):
        parse(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff"])
def test_no_verdict_at_all(body: bytes) -> None:
    with pytest.raises(InputError, match=r"expected (JSON|a JSON object)"):
        parse(body)


def heard(partition: int, offset: int, by: str = "ann") -> Heard:
    return Heard(partition, offset, replace(GOOD, by=by))


def test_partitions_take_what_they_have_not_heard() -> None:
    known = KnownVerdicts(most=3)
    assert known.since({}) == []
    for partition, offset in [(1, 0), (0, 5), (1, 2), (1, 2), (1, 0)]:
        known.hear(heard(partition, offset))
    assert [(h.partition, h.offset) for h in known.since({})] == [(0, 5), (1, 0), (1, 2)]
    before = {0: heard(0, 5).mark, 1: heard(1, 0).mark}
    assert [(h.partition, h.offset) for h in known.since(before)] == [(1, 2)]
    for offset in range(10):
        known.hear(heard(0, offset))
    assert [h.offset for h in known.since({1: heard(1, 2).mark})] == [7, 8, 9]


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(0, 30), st.integers(1, 40), st.booleans())
def test_of_a_topic_that_was_made_again_all_is_new(
    offsets: set[int], last: int, most: int, same: bool
) -> None:
    """`last`: the offset of the one heard last, of this topic or of the one before it."""
    known = KnownVerdicts(most)
    for offset in sorted(offsets):
        known.hear(heard(0, offset))
    kept = sorted(offsets)[-most:]
    news = [one.offset for one in known.since({0: heard(0, last, "ann" if same else "bob").mark})]
    assert news == ([offset for offset in kept if offset > last] if same and last in kept else kept)
    assert known.has_news({0: heard(0, last, "ann" if same else "bob").mark}) == bool(news)
