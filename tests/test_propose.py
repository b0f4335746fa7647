import datetime as dt
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import InputError
from stream.events import Decoder
from stream.files import read_events, read_records
from stream.profile import Profile, parse
from stream.profile_text import to_yaml
from stream.propose import propose
from stream.sample import columns_of

DATA = os.environ.get("ONSIGHT_DATA")


def payments(count: int = 600) -> list[dict[str, Any]]:
    random = np.random.default_rng(5)
    cards = random.integers(40, size=count)
    amounts = random.lognormal(3, 1.5, size=count)
    return [
        {
            "payment_id": f"p-{i}",
            "card": f"c{cards[i]:03d}",
            "when": {"ts": 1_700_000_000_000 + i * 60_000},
            "amount": round(float(amounts[i]), 2),
            "balance": float(random.normal(50, 10)),
            "mcc": int(random.choice([5411, 5812, 4829])),
            "country": ["FR", "DE", "NL"][i % 3],
            "online": bool(i % 2),
            "currency": "EUR",
            "batch": i // 7,
            "is_fraud": int(i % 50 == 0),
            "tags": ["a"],
        }
        for i in range(count)
    ]


def proposed(records: list[dict[str, Any]]) -> tuple[Profile, str]:
    text = to_yaml(propose(records), "mine", "sample.jsonl")
    return parse(text, "mine.yaml"), text


def test_a_proposal_finds_entity_time_and_features() -> None:
    profile, text = proposed(payments())
    assert (profile.entity, profile.noun) == ("card", "card")
    assert (profile.time.field, profile.time.unit) == ("when.ts", "ms")
    assert {f.field: (f.kind, f.transform) for f in profile.features if f.field} == {
        "amount": ("number", "log1p"),
        "balance": ("number", None),
        "mcc": ("category", None),
        "country": ("category", None),
        "online": ("category", None),
    }
    assert [f.kind for f in profile.features if not f.field] == ["time_of_day", "elapsed", "rate"]
    assert profile.show == ("payment_id",)
    for path in ("payment_id", "currency", "batch", "is_fraud", "tags"):
        assert f"#   {path}: " in text


def test_every_choice_says_why() -> None:
    _, text = proposed(payments())
    chosen = [line for line in text.splitlines() if line.startswith(("entity", "time", "  - "))]
    assert len(chosen) == 10
    assert all("  # " in line for line in chosen)


def test_a_proposal_reads_its_own_sample(tmp_path: Path) -> None:
    import orjson

    path = tmp_path / "payments.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, payments())))
    profile, _ = proposed(list(read_records(path, 600)))
    ((batch, rejects),) = read_events(path, Decoder(profile))
    assert (len(batch), rejects) == (600, ())


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        ([1_700_000_000 + i for i in range(60)], "s"),
        ([1_700_000_000_000_000 + i for i in range(60)], "us"),
        ([(1_700_000_000 + i) * 10**9 for i in range(60)], "ns"),
        ([22.5 + i for i in range(60)], "s"),
        ([f"2021-06-06T15:{i:02d}:46.457984+0200" for i in range(60)], "iso"),
        ([dt.datetime(2021, 6, 6, 15, i, tzinfo=dt.UTC) for i in range(60)], "iso"),
    ],
)
def test_a_time_may_come_in_any_unit(times: list[Any], unit: str) -> None:
    profile, _ = proposed([{"host": f"h{i % 5}", "ts": time, "x": i % 7} for i, time in enumerate(times)])
    assert (profile.time.field, profile.time.unit) == ("ts", unit)


def test_who_acts_wins_over_who_is_acted_on() -> None:
    records = [
        {"dest_ip": f"10.0.0.{i % 30}", "src_ip": f"10.0.1.{i % 9}", "src_port": i % 50, "time": 1.7e9 + i}
        for i in range(300)
    ]
    assert proposed(records)[0].entity == "src_ip"


def test_a_literal_dotted_key_is_one_column() -> None:
    columns = columns_of(
        [{"id.h": 1, "id": {"h": 2, "x.y": 3}}, {"id": {"h": 4}}, {"a": None, "b": math.nan}]
    )
    assert {path: column.values for path, column in columns.items()} == {"id.h": (1, 4)}


def test_samples_that_have_no_entity_or_time_say_what_was_expected() -> None:
    with pytest.raises(InputError, match="the sample has no events"):
        propose([])
    with pytest.raises(InputError, match=r"no field looks like a time: .* host \(text, 2 values\)"):
        propose([{"host": "a"}, {"host": "b"}])
    with pytest.raises(InputError, match="no field looks like an entity"):
        propose([{"ts": 1.7e9 + i, "uid": f"u{i}"} for i in range(50)])


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
RECORD = st.dictionaries(st.text(max_size=6), VALUE, max_size=5)


@given(st.lists(RECORD, min_size=1, max_size=6), st.text(max_size=8), st.text(min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_whatever_the_fields_are_a_proposal_parses(records: list[Any], entity: str, name: str) -> None:
    sample = [record | {f"{entity}card": str(i % 2), "ts": 1.7e9 + i} for i, record in enumerate(records * 3)]
    text = to_yaml(propose(sample), name if name.strip() else "x", name)
    assert parse(text, "proposed").name == (name if name.strip() else "x")


def test_fields_named_as_logstash_does_are_quoted() -> None:
    sample = [{"@card": str(i % 2), "@timestamp": 1.7e9 + i, "amount": i % 7} for i in range(30)]
    profile = parse(to_yaml(propose(sample), "logs", "a test"), "proposed")
    assert (profile.entity, profile.time.field) == ("@card", "@timestamp")


@pytest.mark.skipif(DATA is None, reason="ONSIGHT_DATA doesn't name a folder of real data")
@pytest.mark.parametrize(
    ("file", "entity", "time"),
    [
        ("samples/zeek-conn.log", "id.orig_h", "ts"),
        ("samples/suricata-eve.json.gz", "src_ip", "timestamp"),
        ("card-transactions.parquet", "customer_id", "tx_datetime"),
    ],
)
def test_real_files_get_the_profile_that_a_person_would_write(file: str, entity: str, time: str) -> None:
    profile, _ = proposed(list(read_records(Path(DATA or "") / file, 20_000)))
    assert (profile.entity, profile.time.field) == (entity, time)
