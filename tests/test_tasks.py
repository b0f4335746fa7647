"""Sets, priors and batches: what training draws is in shape, reproducible and never from the development sets."""

from pathlib import Path

import numpy as np
import pytest

from export.tasks.batches import draw_batch
from export.tasks.contexts import Layout
from export.tasks.priors import draw_set
from export.tasks.sets import TaskSet, is_development, load_folder
from export.tasks.variants import CODED_COLUMNS, Recipe, draw_variant
from export.tasks.verdicts import confirm, veiled
from stream.errors import InputError

EVERYTHING = Recipe(missing=1.0, categories=1.0, directed=1.0, contaminated=1.0, entities=1.0)


def some_set(columns: int = 5) -> TaskSet:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(300, columns)).astype(np.float32)
    return TaskSet("some", rows[:200], rows[200:250], rows[250:] + 3)


@pytest.mark.parametrize("seed", range(8))
def test_a_prior_has_rows_of_each_kind(seed: int) -> None:
    drawn = draw_set(np.random.default_rng(seed))
    assert drawn.train.shape[1] == drawn.normal.shape[1] == drawn.anomalous.shape[1]
    assert all(np.isfinite(part).all() for part in (drawn.train, drawn.normal, drawn.anomalous))


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("layout", [Layout(groups=2), Layout(groups=2, rows=32, peers=64)])
def test_batches_keep_the_models_conventions(layout: Layout, labels: bool) -> None:
    batch = draw_batch([some_set()], layout, EVERYTHING, np.random.default_rng(1), labels=labels)
    again = draw_batch([some_set()], layout, EVERYTHING, np.random.default_rng(1), labels=labels)
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(batch, again, strict=True))
    assert not batch.category[:, CODED_COLUMNS:].any()
    assert not (batch.category * np.abs(batch.direction)).any()
    absent = batch.window.transpose(0, 2, 1)[batch.window_mask == 0]
    assert not absent.any()
    assert bool((batch.window_label == 1).any() or (batch.peers_label == 1).any()) == labels


def test_folders_are_read_and_empty_ones_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no usable set"):
        load_folder(tmp_path)
    one = some_set()
    test = np.concatenate([one.normal, one.anomalous])
    labels = np.arange(len(test)) >= len(one.normal)
    np.savez(tmp_path / "some.npz", train=one.train, test=test, test_labels=labels.astype(int))
    (loaded,) = load_folder(tmp_path)
    assert (loaded.name, loaded.train.shape, len(loaded.anomalous)) == ("some", (200, 5), 50)
    np.savez(tmp_path / "without.npz", train=one.train)
    with pytest.raises(
        InputError, match=r"without\.npz can't be read as a set .* expected train, test and test_labels"
    ):
        load_folder(tmp_path)


def test_a_file_that_is_no_archive_is_never_taken_for_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"broken\.npz .*not an archive of arrays"):
        load_folder(tmp_path)


def test_the_development_split_is_by_name() -> None:
    names = [f"set{number}" for number in range(1000)]
    assert 150 < sum(map(is_development, names)) < 250


@pytest.mark.parametrize("most", [1, 10, 100])
def test_confirmed_rows_stand_last_and_are_as_many_as_asked_for(most: int) -> None:
    anomalous, normal = np.full((20, 3), 7.0), np.full((20, 3), 2.0)
    seen = set()
    for seed in range(60):
        rows, mask, label = np.zeros((4, 150)), np.zeros(150), np.zeros(150)
        confirm(rows, mask, label, anomalous, normal, np.random.default_rng(seed), most)
        known, cleared = int((label == 1).sum()), int((label == -1).sum())
        assert 1 <= known + cleared <= most
        assert (label[: 150 - known - cleared] == 0).all() and (mask == np.abs(label)).all()
        assert (rows[:3, label == 1] == 7).all() and (rows[:3, label == -1] == 2).all() and not rows[3].any()
        seen.add((known, cleared))
    assert all(known for known, _ in seen)
    assert most == 1 or any(cleared for _, cleared in seen)


@pytest.mark.parametrize("seed", range(20))
def test_what_veils_the_anomalies_keeps_a_variant_in_shape(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = draw_variant([some_set()], EVERYTHING, 16, rng)
    after = veiled(before, 16, rng)
    width = len(after.category)
    assert {part.shape[1] for part in (after.train, after.normal, after.anomalous)} == {width}
    assert width in (len(before.category), len(before.category) + 1)
    assert len(after.direction) == width
    assert 0 < len(after.anomalous) <= len(before.anomalous)
