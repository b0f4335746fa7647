"""Playing events: pace, order, and what is read from files."""

import gzip
from pathlib import Path

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from stream.events import Decoder, Reject
from stream.job.player import Event, Pace, file_events, in_time_order
from stream.profile import load
from stream.sandbox.cards import simulate

TIMES = np.array([100.0, 101.0, 103.0, 102.0])


def test_a_rate_spaces_events_evenly_whatever_their_times() -> None:
    assert Pace(rate=2).due(10, TIMES, 0.0).tolist() == [5.0, 5.5, 6.0, 6.5]


def test_a_speed_keeps_the_gaps_and_never_goes_back() -> None:
    assert Pace(speed=2).due(10, TIMES, 100.0).tolist() == [0.0, 0.5, 1.5, 1.5]


def test_without_a_pace_all_is_due_at_once() -> None:
    assert Pace().due(10, TIMES, 100.0).tolist() == [0.0] * 4


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(1, 8))
def test_events_are_sorted_as_far_as_the_buffer_reaches(times: list[int], lookahead: int) -> None:
    events = [Event(time, b"%d" % number, b"") for number, time in enumerate(times)]
    assert sorted(in_time_order(events, lookahead)) == sorted(events)
    assert list(in_time_order(events, len(events) + 1)) == sorted(events, key=lambda event: event.time)
    overtaken_by = [sum(earlier > time for earlier in times[:number]) for number, time in enumerate(times)]
    if max(overtaken_by, default=0) <= lookahead:
        assert [event.time for event in in_time_order(events, lookahead)] == sorted(times)


def test_a_file_s_events_keep_their_bytes_and_bad_ones_are_told(tmp_path: Path) -> None:
    records = list(simulate(50, 60, 4, seed=1).records())
    lines = [value for _, value in records]
    lines[1:1] = [b"{nonsense", b'{"card": "c1"}']
    path = tmp_path / "cards.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    rejects: list[Reject] = []
    events = list(file_events(path, Decoder(load("card")), rejects.append))
    assert [(event.key, event.value) for event in events] == records
    assert [reject.reason for reject in rejects] == ["not-json", "missing-time"]
    assert [event.time * 1000 for event in events] == [orjson.loads(value)["ts"] for _, value in records]


def test_rows_of_parquet_become_json(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = {"card": "c1", "ts": 1_735_516_800_000, "amount": 12.5, "country": None}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "cards.parquet")
    rejects: list[Reject] = []
    events = list(file_events(tmp_path / "cards.parquet", Decoder(load("card")), rejects.append))
    assert not rejects
    assert [(event.time, event.key) for event in events] == [(1_735_516_800.0, b"c1")]
    assert orjson.loads(events[0].value) == row
