"""The experience store: exactly what came, whatever ended the collector, and the oldest days out first."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from experience_store import (
    KEYS,
    PROFILE,
    START,
    TEXT,
    TOPICS,
    collect,
    event,
    fetched,
    opened,
    records,
    stored,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from export.experience import store as stores
from export.experience.collector import Collector
from export.experience.content import read_content
from export.experience.read import read_experience
from stream.errors import InputError
from stream.events import Decoder
from stream.job.fetched import Fetched
from stream.profile import parse

DAY = 86_400


def same(one: Path, other: Path) -> bool:
    """Whether two stores hold the same events, NaN being NaN."""
    found = [repr(stored(folder).to_pydict()) for folder in (one, other)]
    return found[0] == found[1]


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
