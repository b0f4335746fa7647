import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from stream.cli.check import command as check
from stream.cli.init import command as init
from stream.errors import InputError, ProfileError

DATA = os.environ.get("ONSIGHT_DATA")
GOOD = {"card": "ann", "ts": 1_700_000_000_000, "amount": 5.5, "country": "FR"}


def run(command: Any, *arguments: Any) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), env={"COLUMNS": "160"})


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    path = tmp_path / "cards.jsonl"
    path.write_bytes(b"\n".join([orjson.dumps(GOOD)] * 3 + [b"broken", orjson.dumps(GOOD | {"lat": "x"})]))
    return path


def test_check_shows_fields_rejects_keys_and_features(cards: Path) -> None:
    result = run(check, "--profile", "card", "--input", cards)
    assert result.exit_code == 0, result.output
    for text in (
        "5 events read with profile card: 3 good, 2 would be dead letters",
        "1 (20.0%)",
        "partition 0, offset 3",
        "lat is a string, expected a number",
        "entities (card): 1, with 3 events",
        "time since the previous event",
        "terminal (shown) is in no event",
    ):
        assert text in result.output


def test_check_as_json_is_one_object(cards: Path) -> None:
    report = orjson.loads(run(check, "--profile", "card", "--input", cards, "--json", "--limit", "4").stdout)
    assert (report["events"], report["good"], report["entities"]) == (4, 3, 1)
    assert [reject["reason"] for reject in report["rejects"]] == ["not-json"]
    assert report["features"][0]["columns"]["country"] == "FR"


def test_check_fails_if_nothing_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"a": 1}\n')
    result = run(check, "--profile", "card", "--input", path)
    assert isinstance(result.exception, InputError)
    assert "none of 1 events" in str(result.exception)
    assert "missing-entity" in result.output


def test_check_wants_one_source_and_a_profile_that_exists(cards: Path) -> None:
    assert "exactly one of --input and --topic" in run(check, "--profile", "card").output
    assert run(check, "--profile", "card", "--input", cards, "--topic", "t").exit_code == 2
    assert isinstance(run(check, "--profile", "nobody", "--input", cards).exception, ProfileError)


def test_times_in_1970_raise_a_question(tmp_path: Path) -> None:
    path = tmp_path / "cards.jsonl"
    path.write_bytes(orjson.dumps(GOOD | {"ts": 1_700_000_000}))
    output = run(check, "--profile", "card", "--input", path).output
    assert "all times are in 1970: is ms the unit of ts?" in output


def test_what_init_proposes_passes_check(tmp_path: Path) -> None:
    events = [GOOD | {"card": f"c{i % 7}", "ts": GOOD["ts"] + i * 1000, "amount": i % 11} for i in range(200)]
    sample, profile = tmp_path / "my events.jsonl", tmp_path / "mine.yaml"
    sample.write_bytes(b"\n".join(map(orjson.dumps, events)))

    printed = run(init, "--input", sample)
    written = run(init, "--input", sample, "--output", profile)
    assert printed.stdout == profile.read_text()
    assert f"onsight check --profile {profile}" in written.stderr
    assert isinstance(run(init, "--input", sample, "--output", profile).exception, InputError)
    assert run(init, "--input", sample, "--output", profile, "--force").exit_code == 0

    report = orjson.loads(run(check, "--profile", profile, "--input", sample, "--json").stdout)
    assert (report["profile"], report["good"], report["entities"]) == ("my events", 200, 7)


@pytest.mark.skipif(DATA is None, reason="ONSIGHT_DATA doesn't name a folder of real data")
@pytest.mark.parametrize(
    ("profile", "file", "entities"),
    [
        ("zeek-conn", "samples/zeek-conn.log", 6),
        (Path(__file__).parent / "data" / "handbook-cards.yaml", "card-transactions.parquet", 3750),
    ],
)
def test_real_files_are_read_whole(profile: str | Path, file: str, entities: int) -> None:
    source = Path(DATA or "") / file
    report = orjson.loads(run(check, "--profile", profile, "--input", source, "--json").stdout)
    assert (report["good"], report["entities"]) == (report["events"], entities)
