"""The experience store: exactly what came, whatever ended the collector, nothing masked, the oldest days out first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.experience import store as stores
from export.experience.collector import Collector, Topics
from export.experience.columns import columns_of, layout_of
from export.experience.content import read_content
from export.experience.read import read_experience
from export.experience.store import Store
from stream.alerts import Source, hidden_entity
from stream.artifact import load_artifact, shipped
from stream.detector import Detector
from stream.errors import InputError
from stream.events import Decoder
from stream.job.follow import Fetched
from stream.profile import Profile, parse
from stream.scorer import Scorer
from stream.verdict import Verdict

TEXT = """\
name: cards
entity: {field: card, noun: card}
time: {field: ts, unit: s}
features:
  - {name: amount, kind: number, field: amount, transform: log1p, direction: high}
  - {name: country, kind: category, field: country}
  - {name: pace, kind: elapsed}
  - {name: here, kind: rate, of: field, field: country, seconds: 3600}
  - {name: hour, kind: time_of_day}
alerts: {per_day: 50}
window: 8
peers: 0
"""
PROFILE = parse(TEXT, "cards.yaml")
TOPICS = Topics("events", "alerts", "verdicts")
KEYS = 20
DAY = 86_400
START = 1_700_006_400  # a midnight


def event(at: int) -> dict[str, Any]:
    return {
        "card": f"c{at * 7 % 30}",
        "ts": START + 120 * at,
        "amount": 10.0 + at % 13,
        "country": "FR" if at % 5 else "DE",
    }


def records(count: int) -> list[bytes]:
    return [b"{" if at % 97 == 50 else orjson.dumps(event(at)) for at in range(count)]


def fetched(topic: str, values: Sequence[bytes], start: int = 0, partition: int = 0) -> Fetched:
    offsets = np.arange(start, start + len(values))
    return Fetched(topic, partition, [b"k"] * len(values), values, [0] * len(values), offsets)


def opened(folder: Path, profile: Profile = PROFILE, limit: int = 2**40) -> Store:
    return Store(folder, layout_of(profile), columns_of(profile), limit)


def collect(folder: Path, *batches: Fetched, profile: Profile = PROFILE, limit: int = 2**40) -> None:
    with opened(folder, profile, limit) as store:
        collector = Collector(store, Decoder(profile), TOPICS, KEYS)
        for batch in batches:
            collector.add(batch)
            collector.commit()


def stored(folder: Path, kind: str = "events") -> Any:
    files = [folder / file.path for file in read_content(folder).files if file.kind == kind]
    table = pyarrow.dataset.dataset(files, format="parquet").to_table()
    return table.sort_by([("partition", "ascending"), ("offset", "ascending")])


def same(one: Path, other: Path) -> bool:
    """Whether two stores hold the same events, NaN being NaN."""
    found = [repr(stored(folder).to_pydict()) for folder in (one, other)]
    return found[0] == found[1]


def verdict(offset: int, outcome: Any, at: float = START, **more: Any) -> bytes:
    place = {"source": Source("events", 0), "offset": offset, "id": f"a{offset}"} | more
    return Verdict(entity="c1", verdict=outcome, by="me", at=at, **place).body()


def alert(offset: int) -> bytes:
    source = {"topic": "events", "partition": 0, "offset": offset}
    told = {"time": "2023-11-15T00:00:00Z", "score": 0.9, "p_value": 0.001, "severity": "high"}
    return orjson.dumps({"id": f"a{offset}", "source": source, **told})


def test_the_rows_are_those_that_the_detector_sees(tmp_path: Path) -> None:
    values = records(3000)
    collect(tmp_path, fetched("events", values[:1000]), fetched("events", values[1000:], 1000))
    seen: list[np.ndarray] = []
    scorer = Scorer(load_artifact(shipped()), PROFILE.category, PROFILE.direction)
    detector = Detector(PROFILE, scorer, Source("events", 0), max_keys=KEYS)
    batch, _ = Decoder(PROFILE).decode(None, values, np.arange(3000))
    make = detector.features.on_batch

    def watched(*given: Any) -> np.ndarray:
        seen.append(make(*given))
        return seen[-1]

    detector.features.on_batch = watched  # type: ignore[method-assign]
    detector.on_batch(batch, 2999)
    expected = np.concatenate(seen)
    table = stored(tmp_path)
    found = np.stack([table[f"feature: {column.name}"].to_numpy() for column in columns_of(PROFILE)], 1)
    assert np.array_equal(found, expected, equal_nan=True)
    assert table["offset"].to_pylist() == batch.offset.tolist()
    assert table["entity"].to_pylist() == list(batch.entity)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=8), st.integers(0, 3))
def test_no_event_is_kept_twice_or_lost_after_a_kill(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, bool]], torn: int
) -> None:
    folder, whole = tmp_path_factory.mktemp("cut"), tmp_path_factory.mktemp("whole")
    values = records(1200)
    for number, dies in [*runs, (1200, False)]:
        start = read_content(folder).offsets["events"][0] if (folder / "store.json").exists() else 0
        part = values[start : start + number]
        if part:
            run_until_a_kill(folder, fetched("events", part, start), dies, torn)
    collect(whole, fetched("events", values))
    assert same(folder, whole)


def run_until_a_kill(folder: Path, batch: Fetched, dies: bool, files: int) -> None:
    """Collect a batch; where it dies, after so many of the commit's files, before they count."""
    with opened(folder) as store:
        collector = Collector(store, Decoder(PROFILE), TOPICS, KEYS)
        collector.add(batch)
        if not dies:
            collector.commit()
            return
        written, write = 0, pq.write_table

        def some(*given: Any, **named: Any) -> None:
            nonlocal written
            written += 1
            if written > files:
                raise KeyboardInterrupt
            write(*given, **named)

        def none(*_: Any) -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(pq, "write_table", some)
            patch.setattr(stores, "write_content", none)
            collector.commit()


def test_state_files_become_one_and_lead_to_the_same_rows(tmp_path: Path) -> None:
    values = records(1500)
    for start in range(0, 1500, 20):
        collect(tmp_path / "parts", fetched("events", values[start : start + 20], start))
    collect(tmp_path / "whole", fetched("events", values))
    assert same(tmp_path / "parts", tmp_path / "whole")
    assert len([f for f in read_content(tmp_path / "parts").files if f.kind == "state"]) < 40


def test_the_last_verdict_on_an_event_is_its_label_and_alerts_are_known(tmp_path: Path) -> None:
    verdicts = [
        verdict(3, "dismissed", START + 10),
        verdict(3, "confirmed", START + 5),  # given earlier
        verdict(7, "confirmed"),
        verdict(-1, "confirmed", source=None, id="a9"),  # by the alert's id alone
        verdict(11, "confirmed", source=Source("elsewhere", 0)),
        b"nonsense",
    ]
    collect(
        tmp_path,
        fetched("verdicts", verdicts),
        fetched("alerts", [alert(7), alert(9), alert(20), b"{}"]),
        fetched("events", records(40)),
    )
    found = read_experience(tmp_path)
    table = stored(tmp_path)
    entity = [f"c{at * 7 % 30}" for at in range(40)]
    order = sorted(range(40), key=lambda at: (list(dict.fromkeys(entity)).index(entity[at]), at))
    label = dict(zip(order, found.label.tolist(), strict=True))
    assert {at: one for at, one in label.items() if one} == {3: -1, 7: 1, 9: 1}
    assert {at for at, one in zip(order, found.alerted, strict=True) if one} == {7, 9, 20}
    assert len(found) == table.num_rows == 40
    assert (np.diff(found.entity) >= 0).all()


def test_nothing_masked_is_kept_in_clear(tmp_path: Path) -> None:
    masked = parse(
        TEXT.replace(
            "features:",
            "features:\n  - {name: whose, kind: category, field: card, mask: true}"
            "\n  - {name: known for, kind: verdicts, field: country, days: 7}",
        ).replace("direction: high}", "mask: true}"),
        "masked.yaml",
    )
    values = [orjson.dumps(event(at) | {"card": "planted-card", "amount": 77665.25}) for at in range(100)]
    judged = Verdict("a", "planted-card", "confirmed", "me", START, Source("events", 0), 5).body()
    collect(tmp_path, fetched("events", values), fetched("verdicts", [judged]), profile=masked)
    table = stored(tmp_path)
    assert set(table["entity"].to_pylist()) == {hidden_entity("planted-card")}
    assert np.isnan(table["feature: amount"].to_numpy()).all()
    assert np.isnan(table["feature: whose"].to_numpy()).all()
    assert np.isnan(table["feature: known for"].to_numpy()).all()  # hangs on when a worker heard of what
    assert not np.isnan(table["feature: here"].to_numpy()).any()
    assert stored(tmp_path, "verdicts")["entity"].to_pylist() == [hidden_entity("planted-card")]
    for path in tmp_path.rglob("*.*"):
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
            assert "planted" not in repr(rows) and "77665" not in repr(rows), path
        else:
            assert b"planted" not in path.read_bytes()


def test_the_oldest_days_go_first_and_the_offsets_stay(tmp_path: Path) -> None:
    values = records(6000)  # 8 days
    batches = [fetched("events", values[at : at + 250], at) for at in range(0, 6000, 250)]
    collect(tmp_path / "all", *batches)
    size = sum(file.bytes for file in read_content(tmp_path / "all").files)
    collect(tmp_path / "some", *batches, limit=size // 2)
    content = read_content(tmp_path / "some")
    on_disk = sum(path.stat().st_size for path in (tmp_path / "some").rglob("*.parquet"))
    assert sum(file.bytes for file in content.files) == on_disk <= size // 2
    offsets = stored(tmp_path / "some")["offset"].to_numpy()
    good = stored(tmp_path / "all")["offset"].to_numpy()
    assert np.array_equal(offsets, good[-len(offsets) :])
    assert content.dropped == len(good) - len(offsets) > 1000
    assert content.offsets == {"events": {0: 6000}}


def test_absurd_times_make_no_folder_for_each_event(tmp_path: Path) -> None:
    values = [orjson.dumps(event(at) | {"ts": START if at % 3 else at * DAY * 7}) for at in range(300)]
    collect(tmp_path, fetched("events", values))
    assert [path.name for path in (tmp_path / "events").iterdir()] == ["day=2023-11-15"]


def test_a_store_is_for_one_profile_and_one_collector(tmp_path: Path) -> None:
    collect(tmp_path, fetched("events", records(10)))
    other = parse(TEXT.replace("seconds: 3600", "seconds: 60"), "other.yaml")
    with pytest.raises(InputError, match="another profile"), opened(tmp_path, other):
        pass
    with (
        opened(tmp_path),
        pytest.raises(InputError, match="another `onsight-export collect`"),
        opened(tmp_path),
    ):
        pass
    with pytest.raises(InputError, match="is no experience store"):
        read_experience(tmp_path / "none")
    (tmp_path / "store.json").write_bytes(b"{")
    with pytest.raises(InputError, match="can't be read"):
        read_experience(tmp_path)


def test_what_is_behind_the_store_is_refused(tmp_path: Path) -> None:
    collect(tmp_path, fetched("events", records(10)))
    with pytest.raises(ValueError, match="must begin at offset 10"):
        collect(tmp_path, fetched("events", records(5), 5))


def test_files_that_were_never_committed_go(tmp_path: Path) -> None:
    collect(tmp_path, fetched("events", records(10)))
    stray = tmp_path / "events" / "day=2020-01-01" / "000000009-0.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"torn")
    with opened(tmp_path):
        assert not stray.parent.exists()
    assert [path.name for path in (tmp_path / "events").iterdir()] == ["day=2023-11-15"]
