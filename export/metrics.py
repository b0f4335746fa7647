"""How well scores tell anomalies from normal events. Ties count as half, or by their average, never by their order."""

import numpy as np


def auroc(score: np.ndarray, anomalous: np.ndarray) -> float:
    """Area under the ROC curve: how often an anomaly scores higher than a normal event. Both arguments are [N]."""
    order = np.sort(score)
    rank = (np.searchsorted(order, score, "left") + np.searchsorted(order, score, "right") + 1) / 2
    positives = int(anomalous.sum())
    negatives = len(anomalous) - positives
    return float((rank[anomalous].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(score: np.ndarray, anomalous: np.ndarray, prevalence: float | None = None) -> float:
    """Average precision, as if `prevalence` of the events were anomalous (default: as many as are).

    Anomalies and normal events are weighted to that prevalence; equal scores are one step of the curve.
    """
    positives = int(anomalous.sum())
    prevalence = positives / len(anomalous) if prevalence is None else prevalence
    weight = np.where(anomalous, prevalence / positives, (1 - prevalence) / (len(anomalous) - positives))
    order = np.argsort(-score, kind="stable")
    ranked, weight, hit = score[order], weight[order], anomalous[order]
    last = np.append(np.nonzero(np.diff(ranked))[0], len(ranked) - 1)
    found, looked_at = np.cumsum(weight * hit)[last], np.cumsum(weight)[last]
    return float((np.diff(found, prepend=0.0) * found / looked_at).sum() / prevalence)


def recall_at(score: np.ndarray, anomalous: np.ndarray, false_positives: float) -> float:
    """Share of the anomalies above the threshold that at most `false_positives` of the normal events exceed."""
    normal = np.sort(score[~anomalous])[::-1]
    threshold = normal[int(false_positives * len(normal))]
    return float((score[anomalous] > threshold).mean())


def standard_error(difference: np.ndarray) -> float:
    """Of the mean of paired differences [N]."""
    return float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("nan")
