"""Scores events with an artifact's model: the only place that imports ONNX Runtime.

An event's score is the same to the last bit whatever batch it comes in and wherever it sits there: after a crash
the same events come back in other batches, and must give the same alerts. Batches are therefore filled up to a
multiple of `TILE` events, so that no kernel ever takes its path for a rest of a vector or for a single row. (For
windows this needs R, the number of rows, to be a multiple of 4; profiles ask for a multiple of 8.)
"""

from collections.abc import Mapping

import numpy as np
import onnxruntime

from stream.artifact import INPUTS, OUTPUTS, Artifact, GoldenCase
from stream.context import Context, Peers
from stream.errors import ContractError
from stream.prune import only_output

TILE = 16
TOLERANCE = 1e-5


class Scorer:
    """One artifact, ready to score the columns of one profile.

    `category` and `direction` [F] describe the columns as the contract does; at most `batch` events go to the
    runtime at once. Raises ContractError if the graph's inputs and outputs are not the contract's.
    """

    def __init__(
        self,
        artifact: Artifact,
        category: np.ndarray,
        direction: np.ndarray,
        *,
        threads: int = 1,
        batch: int = 512,
    ) -> None:
        self.digest = artifact.digest
        self.version = artifact.manifest.version
        self._artifact = artifact
        self._category = np.asarray(category, np.float32)
        self._direction = np.asarray(direction, np.float32)
        self._batch = max(TILE, batch // TILE * TILE)
        self._sessions = {output: _open(only_output(artifact.model, output), threads) for output in OUTPUTS}
        for output, session in self._sessions.items():
            _check_edges(session, output, str(artifact.path))

    def warm_up(self, rows: int, peers: int) -> None:
        """Compare the golden scores, then score once at the shapes to come, so that the first event finds all ready.

        Raises ContractError if a golden score or attribution is off by more than 1e-5.
        """
        for case in self._artifact.golden:
            self._check_golden(case)
        columns = len(self._category)
        zeros = np.zeros((self._batch, rows, columns), np.float32)
        context = Context(zeros, zeros.sum(2), zeros.sum(2))
        sample = Peers(
            np.zeros((peers, columns), np.float32), np.ones(peers, np.float32), np.zeros(peers, np.float32)
        )
        self.score(np.zeros((self._batch, columns), np.float32), context, sample)

    def score(self, query: np.ndarray, context: Context, peers: Peers) -> np.ndarray:
        """How strange each event of `query` [B, F] is: float32 [B] in [0, 1]."""
        return self._run("score", query, context, peers)

    def attribute(self, query: np.ndarray, context: Context, peers: Peers) -> np.ndarray:
        """Each column's share of an event's strangeness: float32 [B, F], every row sums to 1."""
        return self._run("attribution", query, context, peers)

    def _run(self, output: str, query: np.ndarray, context: Context, peers: Peers) -> np.ndarray:
        shared = {
            "peers": peers.rows,
            "peers_mask": peers.mask,
            "peers_label": peers.label,
            "category": self._category,
            "direction": self._direction,
        }
        parts = [np.empty((0, *query.shape[1:]) if output == "attribution" else 0, np.float32)]
        for start in range(0, len(query), self._batch):
            part = slice(start, start + self._batch)
            size = len(query[part])
            own = {
                "query": _tiled(query[part]),
                "window": _tiled(context.window[part]),
                "window_mask": _tiled(context.mask[part]),
                "window_label": _tiled(context.label[part]),
            }
            parts.append(self._call(output, {**own, **shared})[:size])
        return np.concatenate(parts)

    def _call(self, output: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        result: np.ndarray = self._sessions[output].run([output], inputs)[0]
        return result

    def _check_golden(self, case: GoldenCase) -> None:
        for output, expected in (("score", case.score), ("attribution", case.attribution)):
            seen = self._call(output, case.inputs)
            error = float(np.abs(seen - expected).max()) if seen.shape == expected.shape else float("inf")
            if not error <= TOLERANCE:
                raise ContractError(
                    f"{self._artifact.path}: {output} of golden case {case.name!r} differs by {error:.2g} "
                    f"from the recorded one; at most {TOLERANCE:g} is accepted."
                )


def _tiled(rows: np.ndarray) -> np.ndarray:
    """`rows` filled up with zeros to a multiple of TILE in the first axis."""
    rest = -len(rows) % TILE
    if not rest:
        return np.ascontiguousarray(rows)
    return np.concatenate([rows, np.zeros((rest, *rows.shape[1:]), np.float32)])


def _open(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _check_edges(session: onnxruntime.InferenceSession, output: str, source: str) -> None:
    for what, seen, expected in (
        ("input", session.get_inputs(), INPUTS),
        ("output", session.get_outputs(), {output: OUTPUTS[output]}),
    ):
        ranks = {edge.name: (edge.type, len(edge.shape)) for edge in seen}
        wanted = {name: ("tensor(float)", len(axes)) for name, axes in expected.items()}
        for name in sorted(ranks.keys() | wanted.keys()):
            if ranks.get(name) != wanted.get(name):
                raise ContractError(
                    f"{source}: {what} {name!r} is {ranks.get(name, 'missing')}, "
                    f"the contract says {wanted.get(name, 'there is none')} (type, number of axes)."
                )
