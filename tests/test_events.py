"""Events as columns: what is taken of a record or of columns, what is rejected, and with which words."""

from typing import Any

import numpy as np
import orjson
import pytest
from decoding import PROFILE, assert_same, event, run

from stream.events import Decoder, Limits, decode, from_columns
from stream.profile import load, parse

ISO = parse("name: i\nentity: {field: e}\ntime: {field: t, unit: iso}\n"
            "features: [{name: gap, kind: elapsed}]\nalerts: {p: 0.01}", "iso.yaml")  # fmt: skip


def test_good_events_become_columns() -> None:
    batch, rejects = run(
        event(), event(amount=3, note=[1]), {"who.id": "bob", "who": {"id": "ann"}, "at": 2.0}
    )
    assert rejects == ()
    assert batch.offset.tolist() == [100, 101, 102]
    assert batch.entity == ["ann", "ann", "bob"]  # a literal dotted key wins over the path
    assert batch.time.tolist() == [1.5, 1.5, 0.002]
    np.testing.assert_array_equal(batch.numbers["amount"], [2.5, 3.0, np.nan])
    assert batch.codes["shop"].dtype == np.float32
    assert batch.codes["shop"][0] == batch.codes["shop"][1]
    assert np.isnan(batch.codes["shop"][2])
    assert batch.fields["note"] == [None, [1], None]
    assert set(batch.fields) == {"who.id", "at", "amount", "shop", "note"}


def test_a_part_is_a_slice_of_every_column() -> None:
    batch, _ = run(*(event(at=at, shop=at % 3) for at in range(6)))
    assert_same([batch.part(0, 2), batch.part(2, 6)], [batch])


BAD = [
    (None, "null-value"),
    (b"", "not-json"),
    (b"\xff\xfe", "not-json"),
    (b'{"at": 1} x', "not-json"),
    (b'{"who":{"id":"\\ud800"},"at":1}', "not-json"),
    (b'{"amount":1' + b"0" * 400 + b"}", "not-json"),
    (b"{" * 3000, "not-json"),
    (b"[" * 1500, "too-deep"),
    (b'{"a":' * 900 + b"1" + b"}" * 900, "too-deep"),
    (b"[1]", "not-an-object"),
    (b"null", "not-an-object"),
    ({"at": 1}, "missing-entity"),
    ({"who": "ann", "at": 1}, "missing-entity"),
    (event(who={"id": None}), "missing-entity"),
    (event(who={"id": ""}), "missing-entity"),
    (event(who={"id": 1.5}), "wrong-type"),
    (event(who={"id": True}), "wrong-type"),
    (event(who={"id": "x" * 513}), "wrong-type"),
    (event(who={"id": "é" * 257}), "wrong-type"),
    (event(at=None), "missing-time"),
    (event(at="1500"), "absurd-time"),
    (event(at=True), "absurd-time"),
    (event(at=-1), "absurd-time"),
    (event(at=4_102_444_800_000), "absurd-time"),
    (event(amount="3"), "wrong-type"),
    (event(amount=False), "wrong-type"),
    (event(amount=1e39), "wrong-type"),
    (event(amount=[1]), "wrong-type"),
    (event(shop=[]), "wrong-type"),
    (event(shop={}), "wrong-type"),
    (event(note="x" * 2000), "too-large"),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_a_bad_record_is_rejected_and_the_others_go_on(value: Any, reason: str) -> None:
    batch, rejects = run(event(), value, event(at=1600), max_bytes=10_000 if reason != "too-large" else 1000)
    assert batch.offset.tolist() == [100, 102]
    assert [(reject.index, reject.offset, reject.reason) for reject in rejects] == [(1, 101, reason)]


def test_a_detail_names_the_field_but_not_the_value() -> None:
    _, (reject,) = run(event(amount="secret"))
    assert reject.detail == "amount is a string, expected a number"


def test_keys_are_required_only_if_asked_for() -> None:
    value, offsets = orjson.dumps(event()), np.arange(2)
    _, rejects = decode(PROFILE, [None, b"k"], [value, value], offsets, Limits())
    assert [(reject.index, reject.reason) for reject in rejects] == [(0, "null-key")]
    assert len(decode(PROFILE, [None, b"k"], [value, value], offsets, Limits(require_key=False))[0]) == 2
    assert len(decode(PROFILE, None, [value, value], offsets, Limits())[0]) == 2


def test_depth_up_to_the_limit_is_taken() -> None:
    nested: Any = 1
    for _ in range(3):
        nested = [nested]
    assert len(run(event(note=nested), max_depth=4)[0]) == 1
    assert [reject.reason for reject in run(event(note=[nested]), max_depth=4)[1]] == ["too-deep"]


def test_equal_texts_are_one_entity_and_one_category() -> None:
    batch, _ = run(event(who={"id": 17}, shop=17), event(who={"id": "17"}, shop="17"), event(shop=17.0))
    assert batch.entity[:2] == ["17", "17"]
    assert len(set(batch.codes["shop"].tolist())) == 1


def test_booleans_are_categories_of_their_own_whatever_was_seen_before() -> None:
    decoder = Decoder(PROFILE)
    runs = [[1, 0], [True, False], [True, 1], [0, 1]]
    codes = []
    for shops in runs:
        values = [orjson.dumps(event(shop=shop)) for shop in shops]
        codes.append(decoder.decode(None, values, np.arange(2))[0].codes["shop"].tolist())
    (one, zero), (true, false) = codes[0], codes[1]
    assert len({one, zero, true, false}) == 4
    assert codes[2:] == [[true, one], [zero, one]]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01", 1.0),
        ("2021-06-06T15:59:46.457984+0200", 1622987986.457984),
        ("2021-06-06T13:59:46Z", 1622987986.0),
        ("2021-06-06", 1622937600.0),
        ("0001-01-01T00:00:00+23:59", None),
        ("1969-12-31T23:59:59Z", None),
        ("yesterday", None),
        (5, None),
    ],
)
def test_iso_times_are_utc_unless_they_say_otherwise(text: Any, seconds: float | None) -> None:
    batch, rejects = run({"e": "a", "t": text}, profile=ISO)
    assert batch.time.tolist() == ([] if seconds is None else [seconds])
    assert [reject.reason for reject in rejects] == (["absurd-time"] if seconds is None else [])


def test_no_events_make_an_empty_batch() -> None:
    batch, rejects = run()
    assert (len(batch), rejects) == (0, ())
    assert batch.numbers["amount"].dtype == np.float64


def test_a_record_with_too_many_headers_is_rejected() -> None:
    value = orjson.dumps(
        {"card": "c1", "ts": 1_700_000_000_000, "amount": 1, "country": "FR", "terminal": "t"}
    )
    decoder = Decoder(load("card"), Limits(max_headers=2))
    batch, rejects = decoder.decode([b"k"] * 3, [value] * 3, np.arange(3), [0, 3, 2])
    assert batch.offset.tolist() == [0, 2]
    assert [(reject.offset, reject.reason) for reject in rejects] == [(1, "too-many-headers")]
    assert rejects[0].detail == "the record has 3 headers, at most 2 are taken"


def test_columns_give_what_the_same_json_gives() -> None:
    rows = [event(who=None), event(), event(at=-5), event(amount=np.nan, shop=5411), event(amount=1e39)]
    columns = {
        "who.id": [None, "ann", "ann", "ann", "ann"],
        "at": np.array([row["at"] for row in rows], np.int32),
        "amount": np.array([row["amount"] for row in rows]),
        "shop": [row["shop"] for row in rows],
    }
    batch, rejects = from_columns(PROFILE, columns, np.arange(5) + 100)
    expected, expected_rejects = run(rows[0], rows[1], rows[2], event(amount=None, shop=5411), rows[4])
    np.testing.assert_array_equal(batch.numbers["amount"], expected.numbers["amount"])
    np.testing.assert_array_equal(batch.codes["shop"], expected.codes["shop"])
    assert (batch.entity, batch.time.tolist()) == (expected.entity, expected.time.tolist())
    assert rejects == expected_rejects


def test_columns_may_be_arrays_of_any_type() -> None:
    moments = np.array(["2018-04-01T00:00:31", "NaT", "1960-01-01"], "datetime64[ns]")
    columns = {"who.id": np.array([5, 6, 7], np.int32), "at": moments, "shop": np.array([1.0, 2.0, np.nan])}
    batch, rejects = from_columns(PROFILE, columns, np.arange(3))
    assert (batch.entity, batch.time.tolist()) == (["5"], [1522540831.0])
    assert batch.codes["shop"].tolist() == run(event(shop=1))[0].codes["shop"].tolist()
    assert np.isnan(batch.numbers["amount"]).all()
    assert [reject.reason for reject in rejects] == ["missing-time", "absurd-time"]
    assert orjson.dumps(dict(batch.fields))


@pytest.mark.parametrize(
    "column", [np.array([True]), np.array(["2020"], "datetime64[s]"), np.array([np.inf]), [10**400], ["x"]]
)
def test_columns_that_are_no_numbers_are_rejected(column: Any) -> None:
    _, (reject,) = from_columns(PROFILE, {"who.id": ["a"], "at": [1], "amount": column}, np.arange(1))
    assert reject.reason == "wrong-type"
