"""Replay: the same bytes however a file is cut, and the scores of the topic that the file would make."""

import gzip
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from card_stream import PROFILE, events, profile, scorer
from click.testing import CliRunner, Result

from stream.alerts import Source
from stream.cli.replay import command
from stream.detector import Detector
from stream.errors import InputError
from stream.events import decode
from stream.partitioner import partition_of
from stream.verdict import Verdict
from stream.verdict import parse as parse_verdict

BAD = (b"not json", b'{"card":"c1","ts":"noon","amount":1}', b'{"ts":1,"amount":1}')


def write_lines(path: Path, values: Sequence[bytes]) -> Path:
    path.write_bytes(b"\n".join(values))
    return path


def run(tmp_path: Path, source: Path, output: str, *arguments: str) -> Result:
    described = tmp_path / "often.yaml"
    described.write_text(PROFILE)
    files = ["--profile", str(described), "--input", str(source), "--output", str(tmp_path / output)]
    return CliRunner().invoke(command, [*files, *arguments])


def replayed(tmp_path: Path, source: Path, *arguments: str) -> list[dict[str, Any]]:
    result = run(tmp_path, source, "scores.jsonl", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in (tmp_path / "scores.jsonl").read_bytes().splitlines()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """1,200 good events: more than two epochs."""
    return write_lines(tmp_path / "cards.jsonl", [value for _, value in events(1200)])


@pytest.mark.parametrize("output", ["scores.parquet", "scores.jsonl", "scores.jsonl.gz"])
def test_the_same_file_gives_the_same_bytes_at_every_batch_size(
    tmp_path: Path, source: Path, output: str
) -> None:
    seen = set()
    for size in ("8192", "8192", "100"):
        assert run(tmp_path, source, output, "--batch", size, "--partitions", "3").exit_code == 0
        seen.add((tmp_path / output).read_bytes())
        (tmp_path / output).unlink()
    assert len(seen) == 1


def test_parquet_and_json_lines_say_the_same(tmp_path: Path, source: Path) -> None:
    rows = replayed(tmp_path, source)
    run(tmp_path, source, "scores.parquet")
    run(tmp_path, source, "scores.jsonl.gz")
    assert (
        gzip.decompress((tmp_path / "scores.jsonl.gz").read_bytes())
        == (tmp_path / "scores.jsonl").read_bytes()
    )
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table.schema.names == list(rows[0])
    for row, line in zip(table.to_pylist(), rows, strict=True):
        assert np.float32(row.pop("score")) == np.float32(line.pop("score"))
        assert row.pop("time").isoformat(timespec="microseconds") == line.pop("time").replace("Z", "+00:00")
        assert row == line


def test_rows_tell_what_became_of_each_event(tmp_path: Path, source: Path) -> None:
    rows = replayed(tmp_path, source)
    assert [row["position"] for row in rows] == list(range(1200))
    assert [row["entity"] for row in rows] == [key.decode() for key, _ in events(1200)]
    assert all(row["alert"] == bool(row["reasons"]) for row in rows)
    assert 10 < sum(row["alert"] for row in rows) < 200
    assert all(isinstance(text, str) for row in rows for text in row["reasons"])


@pytest.mark.parametrize("partitions", [1, 4])
def test_scores_are_those_of_a_topic_of_so_many_partitions(
    tmp_path: Path, source: Path, partitions: int
) -> None:
    rows = replayed(tmp_path, source, "--partitions", str(partitions))

    def partition(row: dict[str, Any]) -> int:
        return partition_of(row["entity"].encode(), partitions)

    for number, group in groupby(sorted(rows, key=partition), partition):
        theirs = list(group)
        values = [events(1200)[row["position"]][1] for row in theirs]
        batch, _ = decode(profile(), None, values, np.arange(len(values)))
        detector = Detector(profile(), scorer(), Source("t", number), share=1 / partitions)
        decisions = detector.on_batch(batch, len(values) - 1)
        np.testing.assert_array_equal(decisions.score, np.float32([row["score"] for row in theirs]))
        np.testing.assert_array_equal(decisions.p_value, [row["p_value"] for row in theirs])
        assert [alert.offset for alert in decisions.alerts] == [
            n for n, row in enumerate(theirs) if row["alert"]
        ]


def test_records_that_can_not_be_read_are_left_out_and_take_no_offset(tmp_path: Path, source: Path) -> None:
    """As `onsight produce` leaves them out of a topic."""
    clean = replayed(tmp_path, source, "--partitions", "2")
    good = [value for _, value in events(1200)]
    mixed = write_lines(tmp_path / "mixed.jsonl", [BAD[0], *good[:700], *BAD[1:], *good[700:]])
    result = run(
        tmp_path,
        mixed,
        "scores.jsonl",
        "--json",
        "--partitions",
        "2",
        "--rejects",
        str(tmp_path / "bad.jsonl"),
    )
    rows = [orjson.loads(line) for line in (tmp_path / "scores.jsonl").read_bytes().splitlines()]
    assert [row["position"] for row in rows] == [*range(1, 701), *range(703, 1203)]
    assert [row | {"position": 0} for row in rows] == [row | {"position": 0} for row in clean]
    summary = orjson.loads(result.stdout)
    assert summary["rejects"] == {"absurd-time": 1, "missing-entity": 1, "not-json": 1}
    assert (summary["events"], summary["keys"]) == (1200, len({row["entity"] for row in clean}))
    assert summary["alerts"] == sum(row["alert"] for row in clean)
    bad = [orjson.loads(line) for line in (tmp_path / "bad.jsonl").read_bytes().splitlines()]
    assert [(row["position"], row["reason"]) for row in bad] == [
        (0, "not-json"),
        (701, "absurd-time"),
        (702, "missing-entity"),
    ]


def test_the_summary_is_readable(tmp_path: Path) -> None:
    mixed = write_lines(tmp_path / "mixed.jsonl", [*BAD, *(value for _, value in events(50))])
    result = run(tmp_path, mixed, "scores.parquet")
    assert result.stdout.startswith("50 events of ")
    assert "1 left out: not-json" in result.stderr


def test_parquet_in_is_the_same_as_json_in(tmp_path: Path, source: Path) -> None:
    records = [orjson.loads(value) for _, value in events(1200)]
    table = tmp_path / "cards.parquet"
    pq.write_table(pa.Table.from_pylist(records), table)
    assert replayed(tmp_path, table) == replayed(tmp_path, source)


def test_a_failed_replay_leaves_no_file(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"\n".join(value for _, value in events(50)))[:-20])
    for output in ("scores.parquet", "scores.jsonl"):
        result = run(tmp_path, cut, output, "--json")
        assert isinstance(result.exception, InputError)
        assert {path.name for path in tmp_path.iterdir()} == {"cut.jsonl.gz", "often.yaml"}


def test_mistakes_are_told(tmp_path: Path, source: Path) -> None:
    suffix = run(tmp_path, source, "scores.csv", "--json")
    assert isinstance(suffix.exception, InputError)
    assert "expected .parquet, .jsonl, .jsonl.gz" in str(suffix.exception)
    assert "give the output a name of its own" in run(tmp_path, source, "cards.jsonl").output
    nothing = run(tmp_path, write_lines(tmp_path / "bad.jsonl", BAD), "scores.jsonl", "--json")
    assert "no event of" in str(nothing.exception)
    nowhere = run(tmp_path, source, "missing/scores.jsonl", "--json")
    assert "can't be written (No such file" in str(nowhere.exception)


def test_verdicts_of_a_file_are_applied_and_counted(tmp_path: Path, source: Path) -> None:
    plain = replayed(tmp_path, source)
    judged = next(row for row in plain[:600] if row["alert"])
    place = Source("cards", 0)
    verdict = Verdict("x", judged["entity"], "dismissed", "ann", 0.0, place, judged["position"])
    later = parse_verdict(verdict.body().replace(b"1970-01-01T00:00:00.000Z", plain[600]["time"].encode()))
    given = write_lines(tmp_path / "verdicts.jsonl", [later.body()])
    result = run(tmp_path, source, "told.jsonl", "--json", "--verdicts", str(given), "--topic", "cards")
    assert result.exit_code == 0, result.output
    assert sum(orjson.loads(result.output.splitlines()[-1])["verdicts"].values()) == 1
    told = [orjson.loads(line) for line in (tmp_path / "told.jsonl").read_bytes().splitlines()]
    assert told[:600] == plain[:600]
    assert told[600:] != plain[600:]
    given = write_lines(tmp_path / "verdicts.jsonl", [later.body(), b"{}"])
    refused = run(tmp_path, source, "told.jsonl", "--verdicts", str(given))
    assert isinstance(refused.exception, InputError)
    assert "verdicts.jsonl: line 2: verdict: expected a text as its id" in str(refused.exception)
