import datetime as dt
import gzip
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stream.errors import InputError
from stream.events import Decoder
from stream.files import Table, is_parquet, read, read_events, read_lines, read_records
from stream.profile import load, parse

DATA = os.environ.get("ONSIGHT_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="ONSIGHT_DATA doesn't name a folder of real data")

PROFILE = parse(
    """
name: test
entity: {field: who.id}
time: {field: at, unit: iso}
features:
  - {name: amount, kind: number, field: amount}
  - {name: shop, kind: category, field: shop.name}
alerts: {p: 0.01}
show: [count]
""",
    "test.yaml",
)


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_come_in_runs_with_their_positions(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "events"
    text = b'{"a":1}\n\n  \r\n{"a":2}\r\n{"a":3}\n{"a":4}'
    path.write_bytes(gzip.compress(text) if zipped else text)
    assert [(run.start, run.values) for run in read_lines(path, size=3)] == [
        (0, [b'{"a":1}']),
        (1, [b'{"a":2}', b'{"a":3}', b'{"a":4}']),
    ]
    assert [record["a"] for record in read_records(path, limit=3)] == [1, 2, 3]


def test_records_leave_out_what_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b'{"a":1}\nxx\n[1]\n{"a":2}\n')
    assert list(read_records(path, limit=10)) == [{"a": 1}, {"a": 2}]


def parquet(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    moment = dt.datetime(2020, 1, 1)
    table = pa.table(
        {
            "who.id": pa.array([7, None, 2**60 + 1]),
            "at": pa.array([moment, moment, moment + dt.timedelta(seconds=1)]),
            "amount": pa.array([Decimal("1.50"), None, Decimal("2.50")]),
            "shop": pa.array([{"name": "a"}, {"name": "b"}, None]),
            "unused": pa.array(["x", "y", "z"]),
            "count": pa.array(["p", "p", "q"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path)
    return path


def test_parquet_comes_as_the_columns_that_are_asked_for(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    first, second = read(path, [*PROFILE.fields, "absent", "shop.absent", "at.absent"], size=2)
    assert isinstance(first, Table) and is_parquet(path)
    assert (first.start, len(first), second.start, len(second)) == (0, 2, 2, 1)
    assert set(first.columns) == {"who.id", "at", "amount", "shop.name", "count"}
    assert first.columns["who.id"] == [7, None]
    assert first.columns["shop.name"] == ["a", "b"]
    assert first.columns["count"] == ["p", "p"]
    np.testing.assert_array_equal(first.columns["amount"], [1.5, np.nan])


def test_parquet_decodes_to_events_and_rejects(tmp_path: Path) -> None:
    ((batch, rejects),) = read_events(parquet(tmp_path), Decoder(PROFILE))
    assert batch.entity == ["7", str(2**60 + 1)]
    assert batch.time.tolist() == [1577836800.0, 1577836801.0]
    assert [(reject.offset, reject.reason) for reject in rejects] == [(1, "missing-entity")]


def test_parquet_and_json_of_the_same_events_decode_alike(tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_text(
        '{"who.id":7,"at":"2020-01-01T00:00:00","amount":1.5,"shop":{"name":"a"},"count":"p"}\n'
        '{"at":"2020-01-01T00:00:00"}\n'
        '{"who":{"id":1152921504606846977},"at":"2020-01-01T00:00:01Z","amount":2.5,"count":"q"}\n'
    )
    ((columns, column_rejects),) = read_events(parquet(tmp_path), Decoder(PROFILE))
    ((batch, rejects),) = read_events(lines, Decoder(PROFILE))
    assert (columns.entity, columns.time.tolist()) == (batch.entity, batch.time.tolist())
    np.testing.assert_array_equal(columns.codes["shop.name"], batch.codes["shop.name"])
    np.testing.assert_array_equal(columns.numbers["amount"], batch.numbers["amount"])
    assert column_rejects == rejects


def test_records_of_parquet_are_python_values(tmp_path: Path) -> None:
    (record,) = read_records(parquet(tmp_path), limit=1)
    assert (record["who.id"], record["shop"]) == (7, {"name": "a"})


def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing: can't be opened \(No such file"):
        list(read_lines(tmp_path / "nothing"))
    with pytest.raises(InputError, match="can't be opened"):
        list(read(tmp_path, ["a"]))

    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b'{"a":1}\n' * 1000)[:-20])
    with pytest.raises(InputError, match="can't be read past event"):
        list(read_lines(cut))

    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(InputError, match="can't be read as Parquet"):
        list(read(broken, ["a"]))


@needs_data
def test_a_real_connection_log_decodes_whole() -> None:
    runs = list(read_events(Path(DATA or "") / "samples" / "zeek-conn.log", Decoder(load("zeek-conn"))))
    assert sum(len(batch) for batch, _ in runs) == 576
    assert not any(rejects for _, rejects in runs)
    assert "10.0.2.15" in runs[0][0].entity


@needs_data
def test_real_card_transactions_decode_whole() -> None:
    profile = load(str(Path(__file__).parent / "data" / "handbook-cards.yaml"))
    path = Path(DATA or "") / "card-transactions.parquet"
    batch, rejects = next(read_events(path, Decoder(profile), size=4096))
    assert (len(batch), rejects, profile.columns) == (4096, (), 2)
    assert (np.diff(batch.time) >= 0).all()
    assert not np.isnan(batch.numbers["tx_amount"]).any()


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read(tmp_path / "empty", ["a"])) == []
