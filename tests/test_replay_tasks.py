"""Replayed tasks: an entity's own window and what came after it, confirmed rows as anomalies and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from export.cli import cli
from export.experience.columns import Column
from export.experience.read import Experience
from export.tasks.batches import Batch, draw_batch
from export.tasks.contexts import Layout
from export.tasks.replay import Replay, replay_of
from export.tasks.variants import Recipe
from stream.errors import InputError

COLUMNS = (Column("amount", False, 1), Column("country", True, 0), Column("masked", False, 0))
ENTITIES, EVENTS = 12, 60
RECIPE = Recipe(synthetic=0.0, contaminated=0.0)
LAYOUTS = [Layout(groups=3, contexts=2, rows=16), Layout(groups=3, contexts=2, rows=16, peers=40)]


def experience() -> Experience:
    """Amounts that say which event they are of (entity x 1000 + number); every tenth is confirmed, some are alerted."""
    entity = np.repeat(np.arange(ENTITIES), EVENTS)
    number = np.tile(np.arange(EVENTS), ENTITIES)
    row = np.stack([entity * 1000.0 + number, number % 3, np.full(len(entity), np.nan)], 1)
    label = np.where(number % 10 == 9, 1, np.where(number % 10 == 4, -1, 0))
    return Experience(COLUMNS, row.astype(np.float32), entity, label.astype(np.int8), number % 10 >= 3)


def drawn(layout: Layout, labels: bool = False, replay: Replay | None = None) -> Batch:
    found = replay or replay_of(experience(), 1.0, "store")
    rng = np.random.default_rng(1)
    return draw_batch([], layout, RECIPE, rng, labels=labels, replays=[found])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_window_is_an_entity_s_and_normal_queries_came_after_it(layout: Layout) -> None:
    batch = drawn(layout)
    for at in range(layout.groups * layout.contexts):
        assert batch.category[at, :2].tolist() == [1, 0] and batch.direction[at, :2].tolist() == [0, 1]
        assert batch.used[at].sum() == 2  # the masked column is none
        amount = batch.window[at, 1, batch.window_mask[at] == 1]
        normal, anomalous = np.split(batch.query[at, :, 1], 2)
        (whose,) = set(normal // 1000)
        assert set(amount // 1000) <= {whose}
        assert (np.diff(amount) > 0).all()
        assert not len(amount) or normal.min() > amount.max()
        assert set(anomalous % 10) == {9}
        for clean in (amount, normal, batch.peers[at, 1, batch.peers_mask[at] == 1]):
            assert set(clean % 10) <= {0, 1, 2, 4}  # neither confirmed nor alerted, but dismissed


def test_confirmed_rows_are_the_labelled_ones_of_the_context() -> None:
    batch = drawn(LAYOUTS[1], labels=True)
    labelled = [
        (rows[at, 1, label[at] == 1], batch.query[at, LAYOUTS[1].queries :, 1])
        for rows, label in ((batch.window, batch.window_label), (batch.peers, batch.peers_label))
        for at in range(len(label))
    ]
    assert sum(len(known) for known, _ in labelled) >= len(batch.window_label)
    for known, asked in labelled:
        assert set(known % 10) <= {9} and not set(known) & set(asked)


def test_without_verdicts_normal_rows_are_changed() -> None:
    one = experience()
    nobody = replace(one, label=np.zeros_like(one.label), alerted=np.zeros_like(one.alerted))
    batch = drawn(LAYOUTS[0], replay=replay_of(nobody, 1.0, "store"))
    known = set(one.row[:, 0].tolist())
    anomalous = batch.query[:, LAYOUTS[0].queries :, 1]
    changed = [value not in known for value in anomalous.ravel().tolist()]
    assert np.mean(changed) > 0.1


def test_the_share_is_kept_and_without_replay_nothing_changes() -> None:
    layout, found = Layout(groups=400, contexts=1, rows=16), replay_of(experience(), 0.3, "store")
    batch = draw_batch([], layout, RECIPE, np.random.default_rng(2), replays=[found])
    replayed = (batch.used.sum(1) == 2) & (batch.query[:, 0, 1] % 1 == 0) & (batch.direction[:, 1] == 1)
    assert 0.22 < replayed.mean() < 0.38
    plain = draw_batch([], layout, RECIPE, np.random.default_rng(2))
    again = draw_batch([], layout, RECIPE, np.random.default_rng(2), replays=[])
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(plain, again, strict=True))


def test_an_experience_with_nothing_to_draw_from_says_so() -> None:
    one = experience()
    everything = replace(one, label=np.ones_like(one.label))
    with pytest.raises(InputError, match="holds nothing to replay: of 720 events"):
        replay_of(everything, 1.0, "store")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["a=2"], "a share above 0 and at most 1"),
        (["a=half"], "expected STORE=SHARE"),
        (["a=0.6", "b=0.6"], "the shares sum to 1.2"),
        (["nowhere"], "is no experience store"),
    ],
)
def test_a_wrong_replay_is_told(given: list[str], sentence: str) -> None:
    from export.commands.replays import replays_of

    with pytest.raises(Exception, match=sentence):
        replays_of(tuple(given))
    assert "--replay" in CliRunner().invoke(cli, ["train", "--help"]).output
