"""The evaluation: every rival sees what is plain to see, and all get the same context."""

import numpy as np
import pytest

from export.evaluate import compare, difference, plain_inputs, pooled, with_labels
from export.explain import explain
from export.rivals import RIVALS, SUPERVISED, knn
from export.tasks.sets import TaskSet


@pytest.fixture(scope="module")
def plain_set() -> TaskSet:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 3)).astype(np.float32)
    rows[::17, 1] = np.nan
    return TaskSet("plain", rows[:300], rows[300:350], rows[350:] + 6)


def near(rows: np.ndarray, label: np.ndarray, query: np.ndarray) -> np.ndarray:
    """A model that is kNN on the rows without a label."""
    return knn(rows[label == 0], query)


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_sees_a_shift_of_six_deviations(plain_set: TaskSet, name: str) -> None:
    found = compare(near, [plain_set], 64, [name], lambda _: None)[name]
    assert found.auroc[0] > 0.9
    assert found.ap1[0] <= found.ap10[0] + 1e-9


@pytest.mark.parametrize("name", RIVALS)
def test_a_column_of_huge_values_is_standardised_too(plain_set: TaskSet, name: str) -> None:
    huge = [
        rows * np.float32([1, 1, 1e25]) for rows in (plain_set.train, plain_set.normal, plain_set.anomalous)
    ]
    assert compare(near, [TaskSet("huge", *huge)], 64, [name], lambda _: None)[name].auroc[0] > 0.9


def test_pooled_contexts_and_labels_have_all_figures(plain_set: TaskSet) -> None:
    figures = pooled({"knn": knn}, [plain_set], contamination=0.1)["knn"]
    assert figures["auroc"] > 0.8
    found = with_labels(near, [plain_set], 64, 3, lambda _: None)
    assert set(found) == {"onsight", "onsight without", "knn", *SUPERVISED}
    assert found["onsight"][0] == found["knn"][0]
    assert found["forest"][0][0] > 0.9


def test_differences_are_paired() -> None:
    apart = difference(np.array([0.7, 0.8, 0.9]), np.array([0.6, 0.8, 0.7]))
    assert apart["mean"] == pytest.approx(0.1)
    assert apart["wins"] == pytest.approx(5 / 6)
    assert apart["se"] == pytest.approx(0.1 / np.sqrt(3))


def test_an_attribution_by_hand_is_fully_correlated() -> None:
    rng = np.random.default_rng(3)
    inputs = plain_inputs(rng.normal(size=(6, 4)), np.zeros((0, 4)), np.zeros((1, 4)))
    found = explain(lambda x: np.abs(x["query"]).sum(1), lambda x: np.abs(x["query"]), inputs)
    np.testing.assert_allclose(found.change, np.abs(inputs["query"]), rtol=1e-5)
    np.testing.assert_allclose(found.correlation, 1)
