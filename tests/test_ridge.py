"""The classifiers inside the graph, against the same equations solved by numpy, and on what they are for."""

import jax.numpy as jnp
import numpy as np
import pytest

from export.meta.columns import Columns, columns
from export.meta.jax_ops import JaxOps
from export.meta.parameters import SIZES, initial
from export.meta.query import Query, query
from export.meta.reference import Reference, reference
from export.meta.ridge import CLASSIFIERS, FORMS, INTERPLAY, RIDGES, SHARPER, classify, fit

STRONG = 1.0  # a ridge at which the few steps reach the solution


def prepared(
    rows: np.ndarray, label: np.ndarray, asked: np.ndarray, strong: bool = False
) -> tuple[JaxOps, Reference, Query, Columns]:
    """Rows [M, F] with labels [M] and queries [Q, F], all of numbers, as the classifiers take them."""
    parameters = initial(SIZES["small"], 1)
    if strong:
        parameters["label_ridge"] = np.full(CLASSIFIERS, np.log(STRONG), np.float32)
    ops = JaxOps(parameters, coded_columns=1)
    width = rows.shape[1]
    features = columns(ops, jnp.zeros((1, width)), jnp.zeros((1, width)), jnp.ones((1, width)))
    mask, label = jnp.ones((1, len(rows))), jnp.asarray(label, jnp.float32)[None]
    known = reference(ops, jnp.asarray(rows.T[None], jnp.float32), mask, label, features, None)
    return ops, known, query(ops, jnp.asarray(asked[None], jnp.float32), known, features), features


def said(rows: np.ndarray, label: np.ndarray, asked: np.ndarray, strong: bool = False) -> np.ndarray:
    """[Q, CLASSIFIERS]."""
    ops, known, queried, features = prepared(rows, label, asked, strong)
    size = jnp.log(jnp.array([[max(1, (label > 0).sum()), (label < 0).sum() + 1]], jnp.float32))
    return np.asarray(classify(ops, fit(ops, known, features, size), queried, features))[0]


def distances(queried: Query) -> np.ndarray:
    """[Q, Q]: between queries, of equal weight in every feature."""
    parts = []
    for values, steep in ((queried.squashed, 1.0), (queried.rank, 0.5)):
        apart = np.abs(np.asarray(values)[0][:, None] - np.asarray(values)[0][None]) * steep
        parts.append((apart / (apart + 1)).mean(2))
    return np.asarray(sum(parts) / 2)


def test_it_is_weighted_kernel_ridge_regression() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 3))
    label = np.where(np.arange(30) < 5, 1, np.where(np.arange(30) < 9, -1, 0))
    rows[:5] += 2
    distance = distances(prepared(rows, label, rows)[2])
    weight = np.where(label > 0, 0.5 / 5, 0.5 * (1 + (label < 0)) / (25 + 4))
    ridge, expected = STRONG * 5**-SHARPER, []
    for form in (distance, *(distance * steep / (distance * steep + 1) for steep in INTERPLAY)):
        mean = form @ weight
        kernel = mean[:, None] + mean - mean @ weight - form
        bound = (np.abs(kernel) @ (weight * 30)).max() + 30 * 0.01
        say = np.linalg.solve(kernel + np.diag(ridge * bound / (weight * 30)), np.where(label > 0, 1.0, -1.0))
        expected += [kernel @ say] * len(RIDGES)
    found = said(rows, label, rows, strong=True)
    assert found.shape == (30, FORMS * len(RIDGES))
    np.testing.assert_allclose(found, np.stack(expected, 1), atol=1e-4)


@pytest.mark.parametrize("known", [1, 10, 128])
def test_one_telling_feature_among_many_is_found(known: int) -> None:
    rng = np.random.default_rng(2)
    rows, asked = rng.normal(size=(128 + 2 * known, 12)), rng.normal(size=(200, 12))
    rows[:known, 4] += 6
    asked[:100, 4] += 6
    label = np.where(np.arange(len(rows)) < known, 1, np.where(np.arange(len(rows)) < 2 * known, -1, 0))
    found = said(rows, label, asked)
    assert ((found[:100, None] > found[None, 100:]).mean((0, 1)) > 0.85).all()


def test_rows_that_are_all_alike_say_nothing() -> None:
    found = said(np.ones((4, 2)), np.array([1, 0, 0, -1]), np.array([[1.0, 1.0], [5.0, -3.0]]))
    assert np.abs(found).max() < 1e-3
    alone = said(np.array([[1.0, 2.0]]), np.array([1]), np.array([[1.0, 2.0]]))
    assert np.abs(alone).max() < 1e-3
