"""Figures of merit against scikit-learn's, and where those leave a choice."""

import numpy as np
import pytest
from sklearn import metrics

from export.metrics import auroc, average_precision, recall_at


def test_equal_to_the_library_without_ties() -> None:
    rng = np.random.default_rng(1)
    score, anomalous = rng.normal(size=300), rng.random(300) < 0.2
    assert auroc(score, anomalous) == pytest.approx(metrics.roc_auc_score(anomalous, score))
    assert average_precision(score, anomalous) == pytest.approx(
        metrics.average_precision_score(anomalous, score)
    )


def test_a_constant_score_is_worth_a_guess() -> None:
    anomalous = np.arange(100) < 30
    assert auroc(np.zeros(100), anomalous) == 0.5
    assert average_precision(np.zeros(100), anomalous, 0.1) == pytest.approx(0.1)


def test_average_precision_is_weighted_to_the_prevalence() -> None:
    anomalous = np.array([True, False, True, False, False, False])
    score = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    # weights: anomalies 0.05 each, normal events 0.225 each
    expected = 0.5 * 1 + 0.5 * (0.1 / (0.1 + 0.225))
    assert average_precision(score, anomalous, 0.1) == pytest.approx(expected)


def test_recall_is_above_the_threshold_only() -> None:
    score = np.concatenate([np.arange(200.0), [198.0, 198.5, 500.0]])
    assert recall_at(score, np.arange(203) >= 200, 0.005) == pytest.approx(2 / 3)
