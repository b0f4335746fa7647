"""Measures a model on sets of rows, beside rivals that are given the same context.

The context is given as peers, the queries come without a window of their own.
"""

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.metrics import auroc, average_precision, recall_at, standard_error
from export.rivals import RIVALS, SUPERVISED, Rival, knn
from export.session import open_session
from export.tasks.sets import TaskSet
from stream.prune import only_output

# Of rows [L, F], their labels [L] and queries [Q, F] the scores [Q].
Model = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
QUERIES = 150
FALSE_POSITIVES = 0.005
POOL = (64, 64, 64, 32, 32, 16)
POOL_QUERIES = 50


@dataclass(frozen=True, slots=True)
class Scores:
    """One scorer on many sets."""

    auroc: np.ndarray  # [sets]
    ap10: np.ndarray
    ap1: np.ndarray
    pooled_recall: float  # at one threshold over all sets
    microseconds: float  # an event, all included


@dataclass(frozen=True, slots=True)
class _Case:
    rows: np.ndarray  # [L, F]
    query: np.ndarray  # [Q, F]
    anomalous: np.ndarray  # bool [Q]


def output_of(model: bytes, output: str) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """One output of a model file ("score" or "attribution"), as a function of the contract's inputs."""
    session = open_session(only_output(model, output))
    return lambda inputs: np.asarray(session.run([output], dict(inputs))[0])


def session_model(model: bytes) -> Model:
    """A model file as a function of peers and queries; columns are numbers, both sides are strange."""
    score = output_of(model, "score")
    nothing = np.zeros((0, 0))
    return lambda rows, label, query: score(plain_inputs(query, nothing, rows, label))


def plain_inputs(
    query: np.ndarray, window: np.ndarray, peers: np.ndarray, peers_label: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The contract's inputs for queries [Q, F] that share one window [R, F] and peers [P, F], all of numbers."""
    events, columns = query.shape
    window, peers = window.reshape(-1, columns), peers.reshape(-1, columns)
    inputs = {
        "query": query,
        "window": np.broadcast_to(window, (events, *window.shape)),
        "window_mask": np.ones((events, len(window))),
        "window_label": np.zeros((events, len(window))),
        "peers": peers,
        "peers_mask": np.ones(len(peers)),
        "peers_label": np.zeros(len(peers)) if peers_label is None else peers_label,
        "category": np.zeros(columns),
        "direction": np.zeros(columns),
    }
    return {name: np.ascontiguousarray(value, np.float32) for name, value in inputs.items()}


def compare(
    model: Model, sets: Sequence[TaskSet], rows: int, rivals: Sequence[str], tick: Callable[[int], None]
) -> dict[str, Scores]:
    """Score every set with `rows` normal rows as context; `tick` is told how many sets are done."""
    scorers: dict[str, Rival] = {
        "onsight": lambda context, query: model(context, np.zeros(len(context)), query)
    }
    scorers |= {name: RIVALS[name] for name in rivals}
    found: dict[str, list[np.ndarray]] = {name: [] for name in scorers}
    seconds = dict.fromkeys(scorers, 0.0)
    cases = []
    for done, one in enumerate(sets, 1):
        case = _case(one, rows)
        cases.append(case)
        for name, scorer in scorers.items():
            start = time.perf_counter()
            found[name].append(_finite(scorer(case.rows, case.query)))
            seconds[name] += time.perf_counter() - start
        tick(done)
    labels = [case.anomalous for case in cases]
    events = sum(map(len, labels))
    return {name: _scores(found[name], labels, seconds[name] / events * 1e6) for name in scorers}


def pooled(
    scorers: Mapping[str, Rival], sets: Sequence[TaskSet], contamination: float = 0.0
) -> dict[str, dict[str, float]]:
    """Mean over the sets of AUROC, AP at 10 % and at 1 %, several contexts of a set under one threshold."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in scorers}
    anomalous = np.tile(np.arange(2 * POOL_QUERIES) >= POOL_QUERIES, len(POOL))
    for one in sets:
        contexts = _pool(one, contamination)
        for name, scorer in scorers.items():
            score = np.concatenate([_finite(scorer(rows, query)) for rows, query in contexts])
            found[name].append(_three(score, anomalous))
    return {
        name: dict(zip(("auroc", "ap10", "ap1"), np.mean(values, 0).tolist(), strict=True))
        for name, values in found.items()
    }


def with_labels(
    model: Model, sets: Sequence[TaskSet], rows: int, known: int, tick: Callable[[int], None]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """AUROC and AP at 10 % of each scorer [sets], with `known` labelled anomalies among the context's rows."""
    found: dict[str, list[tuple[float, float]]] = {}
    for done, one in enumerate(sets, 1):
        case, labelled = _labelled_case(one, rows, known)
        label = np.arange(len(case.rows)) >= len(case.rows) - labelled
        normal = case.rows[~label]
        scores = {
            "onsight": model(case.rows, label.astype(np.float32), case.query),
            "knn": knn(normal, case.query),
        }
        if labelled:
            scores["onsight without"] = model(normal, np.zeros(len(normal)), case.query)
            rivals = SUPERVISED.items()
            scores |= {name: rival(case.rows, label.astype(int), case.query) for name, rival in rivals}
        for name, score in scores.items():
            values = _three(_finite(score), case.anomalous)[:2]
            found.setdefault(name, []).append(values)
        tick(done)
    return {name: tuple(np.array(values).T) for name, values in found.items()}


def difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Mean paired difference with its standard error, and the share of sets where ours is higher."""
    apart = ours - theirs
    return {
        "mean": float(apart.mean()),
        "se": standard_error(apart),
        "wins": float((apart > 0).mean() + (apart == 0).mean() / 2),
    }


def _case(one: TaskSet, rows: int) -> _Case:
    rng = np.random.default_rng(zlib.crc32(one.name.encode()) % 100_000)
    context = one.train[rng.permutation(len(one.train))[:rows]]
    normal = one.normal[rng.permutation(len(one.normal))[:QUERIES]]
    anomalous = one.anomalous[rng.permutation(len(one.anomalous))[:QUERIES]]
    return _Case(
        context, np.concatenate([normal, anomalous]), np.arange(len(normal) + len(anomalous)) >= len(normal)
    )


def _labelled_case(one: TaskSet, rows: int, known: int) -> tuple[_Case, int]:
    """A context of `rows` normal rows with labelled anomalies after them, and queries that hold none of these."""
    rng = np.random.default_rng(zlib.crc32(one.name.encode()) % 100_000)
    order = rng.permutation(len(one.anomalous))
    known = min(known, len(order) // 2)
    rest = TaskSet(one.name, one.train, one.normal, one.anomalous[order[known:]])
    case = _case(rest, rows)
    return _Case(np.concatenate([case.rows, one.anomalous[order[:known]]]), case.query, case.anomalous), known


def _pool(one: TaskSet, contamination: float) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5 + zlib.crc32(one.name.encode()) % 100_000)
    contexts = []
    for size in POOL:
        rows = one.train[rng.permutation(len(one.train))[:size]].copy()
        normal = one.normal[rng.integers(len(one.normal), size=POOL_QUERIES)]
        anomalous = one.anomalous[rng.integers(len(one.anomalous), size=POOL_QUERIES)]
        spoilt = round(contamination * len(rows))
        rows[:spoilt] = one.anomalous[rng.integers(len(one.anomalous), size=spoilt)]
        contexts.append((rows, np.concatenate([normal, anomalous])))
    return contexts


def _scores(found: list[np.ndarray], labels: list[np.ndarray], microseconds: float) -> Scores:
    each = np.array([_three(score, label) for score, label in zip(found, labels, strict=True)])
    recall = recall_at(np.concatenate(found), np.concatenate(labels), FALSE_POSITIVES)
    return Scores(each[:, 0], each[:, 1], each[:, 2], recall, microseconds)


def _three(score: np.ndarray, anomalous: np.ndarray) -> tuple[float, float, float]:
    return (
        auroc(score, anomalous),
        average_precision(score, anomalous, 0.1),
        average_precision(score, anomalous, 0.01),
    )


def _finite(score: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.asarray(score, np.float64), nan=0.0, posinf=1e9, neginf=-1e9)
