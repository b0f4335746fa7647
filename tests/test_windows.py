"""Windows against the plain reference: a dict of deques."""

from collections import OrderedDict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import StateError
from stream.windows import Windows

ROWS, COLUMNS, EPOCH = 8, 2, 16


class Reference:
    """The same, one event at a time."""

    def __init__(self, rows: int, max_keys: int) -> None:
        self.rows, self.max_keys = rows, max_keys
        self.window: OrderedDict[str, deque[np.ndarray]] = OrderedDict()
        self.time: dict[str, float] = {}

    def on_event(self, entity: str, row: np.ndarray, time: float) -> tuple[np.ndarray, float]:
        window = self.window.setdefault(entity, deque(maxlen=self.rows))
        before = np.array(window, np.float32).reshape(-1, len(row))
        since = max(time - self.time[entity], 0.0) if entity in self.time else np.nan
        window.append(row)
        self.time[entity] = time
        self.window.move_to_end(entity)
        return before, since

    def close_epoch(self) -> None:
        while len(self.window) > self.max_keys:
            del self.time[self.window.popitem(last=False)[0]]


def step(windows: Windows, entity: list[str], row: np.ndarray, time: np.ndarray, offset: np.ndarray):
    at = windows.place(entity, offset)
    since = windows.elapsed(at, time)
    context = windows.gather(at, row)
    windows.append(at, row, time, offset)
    return context, since


def events(draw: st.DrawFn, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    entity = draw(st.lists(st.sampled_from("abcdefg"), min_size=count, max_size=count))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    return entity, rng.normal(size=(count, COLUMNS)).astype(np.float32), rng.uniform(0, 100, count)


@st.composite
def streams(draw: st.DrawFn):
    count = draw(st.integers(1, 120))
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=8)) | {count})
    return *events(draw, count), cuts


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(1, 7))
def test_windows_equal_a_dict_of_deques(stream, max_keys: int) -> None:
    entity, row, time, cuts = stream
    windows, reference = Windows(ROWS, COLUMNS, max_keys, EPOCH), Reference(ROWS, max_keys)
    ends = sorted({*cuts, *range(EPOCH, len(entity), EPOCH)})
    for start, stop in zip([0, *ends], ends, strict=False):
        if start and start % EPOCH == 0:
            windows.close_epoch()
            reference.close_epoch()
        part = slice(start, stop)
        context, since = step(windows, entity[part], row[part], time[part], np.arange(start, stop))
        for i in range(start, stop):
            before, elapsed = reference.on_event(entity[i], row[i], time[i])
            mask = context.mask[i - start].astype(bool)
            assert np.array_equal(context.window[i - start][mask], before)
            assert not context.window[i - start][~mask].any()
            assert not mask[: ROWS - len(before)].any()
            assert np.array_equal(since[i - start], elapsed, equal_nan=True)
    assert {key for key in windows.slots.key if key} == set(reference.window)


@settings(max_examples=80, deadline=None)
@given(streams(), st.integers(1, 7), st.sampled_from([1, 2, 8]))
def test_what_the_changelog_holds_restores_the_same_windows(stream, max_keys: int, block: int) -> None:
    entity, row, time, cuts = stream
    windows = Windows(ROWS, COLUMNS, max_keys, EPOCH, block)
    log: dict[bytes, bytes | None] = {}
    ends = sorted({*cuts, *range(EPOCH, len(entity), EPOCH)})
    for start, stop in zip([0, *ends], ends, strict=False):
        if start and start % EPOCH == 0:
            windows.close_epoch()
        part = slice(start, stop)
        step(windows, entity[part], row[part], time[part], np.arange(start, stop))
        for key, value in windows.changes():
            log.pop(key, None)  # a compacted topic keeps the newest record, at its own place in the order
            log[key] = value
    copy = Windows(ROWS, COLUMNS, max_keys, EPOCH, block)
    half = len(log) // 2
    keys, values = list(log), list(log.values())
    copy.restore(keys[:half], values[:half])
    copy.restore(keys[half:], values[half:])
    names = sorted(str(key) for key in windows.slots.key if key)
    assert sorted(str(key) for key in copy.slots.key if key) == names
    probe, at = np.zeros((len(names), COLUMNS), np.float32), np.arange(1000, 1000 + len(names))
    one, two = (step(w, names, probe, np.full(len(names), 200.0), at) for w in (windows, copy))
    assert np.array_equal(one[0].window, two[0].window)
    assert np.array_equal(one[0].mask, two[0].mask)
    assert np.array_equal(one[1], two[1])


def test_a_row_is_judged_by_its_offset_and_stays_so_after_a_restart() -> None:
    windows = Windows(ROWS, 1, 10, EPOCH)
    row = np.arange(20, dtype=np.float32)[:, None]
    offset = np.arange(20) + 2**33
    step(windows, ["x", "y"] * 10, row, np.arange(20.0), offset)
    windows.changes()
    assert not windows.judge(2**33, 1, "x"), "it has left the window"
    assert not windows.judge(2**33 + 19, 1, "x"), "it is in another one"
    assert not windows.judge(2**33 + 18, 1, "z"), "nobody knows that entity"
    assert windows.judge(2**33 + 18, 1, "x")
    assert windows.judge(2**33 + 15, -1)
    keys, values = zip(*windows.changes(), strict=True)
    assert len(keys) == 2
    copy = Windows(ROWS, 1, 10, EPOCH)
    copy.restore(keys, values)
    for each in (windows, copy):
        context, _ = step(each, ["x", "y"], row[:2], np.full(2, 30.0), np.array([40, 41]))
        assert context.label.tolist() == [[0] * 7 + [1], [0] * 5 + [-1, 0, 0]]
    assert copy.judge(2**33 + 18, -1, "x"), "a changed mind"


def test_a_judged_row_leaves_with_its_label() -> None:
    windows = Windows(ROWS, 1, 10, EPOCH)
    step(windows, ["x"], np.zeros((1, 1), np.float32), np.zeros(1), np.zeros(1, np.int64))
    assert Windows(ROWS, 1, 10, EPOCH).judge(0, 1) is None, "an empty row is nobody's"
    judged = windows.judge(0, 1, "x")
    assert judged is not None
    assert judged.tolist() == [0.0]
    step(windows, ["x"] * ROWS, np.zeros((ROWS, 1), np.float32), np.zeros(ROWS), np.arange(1, ROWS + 1))
    context, _ = step(windows, ["x"], np.zeros((1, 1), np.float32), np.zeros(1), np.array([ROWS + 1]))
    assert not context.label.any()


def test_one_key_many_times_in_one_batch_sees_its_own_rows() -> None:
    windows = Windows(ROWS, 1, 10, EPOCH)
    row = np.arange(20, dtype=np.float32)[:, None]
    context, _ = step(windows, ["x"] * 20, row, np.arange(20.0), np.arange(20))
    assert context.mask.sum(1).tolist() == [min(i, ROWS) for i in range(20)]
    assert context.window[19, :, 0].tolist() == list(range(11, 19))


def test_no_window_rows_gives_an_empty_context_and_still_knows_the_last_time() -> None:
    windows = Windows(0, 1, 10, EPOCH)
    context, since = step(
        windows, ["x", "x"], np.zeros((2, 1), np.float32), np.array([1.0, 5.0]), np.arange(2)
    )
    assert context.window.shape == (2, 0, 1)
    assert since[1] == 4.0
    copy = Windows(0, 1, 10, EPOCH)
    keys, values = zip(*windows.changes(), strict=True)
    copy.restore(keys, values)
    assert copy.time[copy.slots.find("x")] == 5.0


def test_a_block_of_another_profile_is_refused() -> None:
    windows = Windows(ROWS, 2, 10, EPOCH)
    step(windows, ["x"], np.zeros((1, 2), np.float32), np.zeros(1), np.zeros(1, np.int64))
    keys, values = zip(*windows.changes(), strict=True)
    with pytest.raises(StateError, match=r"3 columns.*application_id"):
        Windows(ROWS, 3, 10, EPOCH).restore(keys, values)
