"""Scores events with an artifact's model: the only place that imports ONNX Runtime.

An event's score is the same to the last bit whatever batch it comes in and wherever it sits there: after a crash
the same events come back in other batches, and must give the same alerts. Batches are therefore filled up to a
multiple of `TILE` events, so that no kernel ever takes its path for a rest of a vector or for a single row. (For
windows this needs R, the number of rows, to be a multiple of 4; profiles ask for a multiple of 8.) Four is the
smallest that keeps the bits, two does not; what is filled up is paid for by a lone event, which is the usual call
of a worker that keeps up.

What the model works out from the peers alone is kept for as long as the same `Peers` come back, which is an epoch,
and stays bound to the session from call to call: handing some 30 arrays over costs as much as a hundred nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import onnxruntime

from stream.artifact import INPUTS, OUTPUTS, Artifact, GoldenCase
from stream.context import Context, Peers
from stream.errors import ContractError
from stream.profile import Profile
from stream.prune import only_output
from stream.split import boundary, own_part, shared_part

TILE = 4
TOLERANCE = 1e-5
SHARED = ("peers", "peers_mask", "peers_label", "category", "direction")
KEPT = 64  # how many Peers' results are kept: those of the partitions that a worker serves

Arrays = Mapping[str, np.ndarray]

Shared = Mapping[str, onnxruntime.OrtValue]


@dataclass(frozen=True, slots=True)
class Bound:
    """What events share, bound once for them all."""

    binding: onnxruntime.IOBinding
    memory: Shared  # what is bound lives as long as these


class Scorer:
    """One artifact, ready to score the columns of one profile.

    `category` and `direction` [F] describe the columns as the contract does; of the `relative` ones the model sees no
    values in windows; at most `batch` events go to the runtime at once. Raises ContractError if the graph's inputs and
    outputs are not the contract's.
    """

    def __init__(
        self,
        artifact: Artifact,
        category: np.ndarray,
        direction: np.ndarray,
        *,
        relative: Sequence[int] = (),
        threads: int = 1,
        batch: int = 512,
    ) -> None:
        self.digest = artifact.digest
        self.name, self.version = artifact.manifest.name, artifact.manifest.version
        self.artifact = artifact
        self._category = np.asarray(category, np.float32)
        self._direction = np.asarray(direction, np.float32)
        self._relative = list(relative)
        self._batch = max(TILE, batch // TILE * TILE)
        self._first = _First(artifact, threads)
        self._graphs = {output: _Graph(artifact, output, self._first.types, threads) for output in OUTPUTS}
        self._shared = lru_cache(maxsize=KEPT)(self._worked_out)
        self._bound = lru_cache(maxsize=KEPT * len(OUTPUTS))(self._bind)

    @classmethod
    def for_profile(cls, artifact: Artifact, profile: Profile, *, threads: int = 1) -> "Scorer":
        """Checked and warm, ready for a profile's first event. Raises ContractError as `warm_up` does."""
        scorer = cls(
            artifact, profile.category, profile.direction, relative=profile.relative, threads=threads
        )
        scorer.warm_up(profile.window, profile.peers)
        return scorer

    def warm_up(self, rows: int, peers: int) -> None:
        """Compare the golden scores, then score once at the shapes to come, so that the first event finds all ready.

        Raises ContractError if a golden score or attribution is off by more than 1e-5.
        """
        for case in self.artifact.golden:
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
        if not len(query):
            return np.empty([0, *query.shape[1:]][: len(OUTPUTS[output])], np.float32)
        graph, shared = self._graphs[output], self._bound(output, peers)
        parts = []
        for start in range(0, len(query), self._batch):
            part = slice(start, start + self._batch)
            own = {
                "query": _tiled(query[part], np.nan),
                "window": _tiled(self._seen(context.window[part])),
                "window_mask": _tiled(context.mask[part]),
                "window_label": _tiled(context.label[part]),
            }
            parts.append(graph.run(own, shared)[: len(query) - start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _seen(self, window: np.ndarray) -> np.ndarray:
        """The windows [B, R, F] as the model sees them."""
        if not self._relative:
            return window
        seen = window.copy()
        seen[:, :, self._relative] = np.nan
        return seen

    def _worked_out(self, peers: Peers) -> Shared:
        inputs = (peers.rows, peers.mask, peers.label, self._category, self._direction)
        return self._first.run(dict(zip(SHARED, inputs, strict=True)))

    def _bind(self, output: str, peers: Peers) -> Bound:
        return self._graphs[output].bind(self._shared(peers))

    def _check_golden(self, case: GoldenCase) -> None:
        shared = {name: case.inputs[name] for name in SHARED}
        own = {name: case.inputs[name] for name in INPUTS if name not in SHARED}
        worked_out = self._first.run(shared)
        for output, expected in (("score", case.score), ("attribution", case.attribution)):
            graph = self._graphs[output]
            seen = graph.run(own, graph.bind(worked_out))
            error = float(np.abs(seen - expected).max()) if seen.shape == expected.shape else float("inf")
            if not error <= TOLERANCE:
                raise ContractError(
                    f"{self.artifact.source}: {output} of golden case {case.name!r} differs by {error:.2g} "
                    f"from the recorded one; at most {TOLERANCE:g} is accepted."
                )


class _First:
    """What events share, worked out once for them all and for every output."""

    def __init__(self, artifact: Artifact, threads: int) -> None:
        self._boundary = boundary(artifact.model, SHARED)
        self._session = _open(shared_part(artifact.model, SHARED), threads) if self._boundary else None
        edges = self._session.get_outputs() if self._session else ()
        self.types = {edge.name: edge.type for edge in edges}

    def run(self, inputs: Arrays) -> Shared:
        """The shared inputs, and all that hangs on them alone."""
        results = self._session.run(self._boundary, inputs) if self._session else []
        values = {**inputs, **dict(zip(self._boundary, results, strict=True))}
        return {name: _in_place(value) for name, value in values.items()}


class _Graph:
    """The events' own part of what one output takes."""

    def __init__(self, artifact: Artifact, output: str, shared: Mapping[str, str], threads: int) -> None:
        model = only_output(artifact.model, output)
        self._output = output
        self._shared = boundary(model, SHARED)
        types = {name: shared[name] for name in self._shared}
        self._session = _open(own_part(model, SHARED, types), threads)
        inputs = [edge for edge in self._session.get_inputs() if edge.name not in types]
        source = artifact.source
        _check_edges("input", inputs, INPUTS, source)
        _check_edges("output", self._session.get_outputs(), {output: OUTPUTS[output]}, source)

    def bind(self, shared: Shared) -> Bound:
        """All that `run` takes beside the events' own inputs."""
        binding = self._session.io_binding()
        for name in (*SHARED, *self._shared):
            binding.bind_ortvalue_input(name, shared[name])
        return Bound(binding, shared)

    def run(self, own: Arrays, shared: Bound) -> np.ndarray:
        """A new array. Not to be called by two threads at once."""
        binding = shared.binding
        for name, array in own.items():
            binding.bind_cpu_input(name, array)
        # Bound again for each call, so that the runtime allocates for each: the last result may still be in use.
        binding.bind_output(self._output)
        self._session.run_with_iobinding(binding)
        result: np.ndarray = binding.copy_outputs_to_cpu()[0]
        return result


def _in_place(array: np.ndarray) -> onnxruntime.OrtValue:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _tiled(rows: np.ndarray, filling: float = 0.0) -> np.ndarray:
    """`rows` filled up to a multiple of TILE in the first axis.

    Queries are filled with missing values, which give a model less to work out than values never seen before.
    """
    rest = -len(rows) % TILE
    if not rest:
        return np.ascontiguousarray(rows)
    tiled = np.empty((len(rows) + rest, *rows.shape[1:]), np.float32)
    tiled[: len(rows)], tiled[len(rows) :] = rows, filling
    return tiled


def _open(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _check_edges(
    what: str,
    seen: Sequence[onnxruntime.NodeArg],
    expected: Mapping[str, tuple[str, ...]],
    source: str,
) -> None:
    ranks = {edge.name: (edge.type, len(edge.shape)) for edge in seen}
    wanted = {name: ("tensor(float)", len(axes)) for name, axes in expected.items()}
    for name in sorted(ranks.keys() | wanted.keys()):
        if ranks.get(name) != wanted.get(name):
            raise ContractError(
                f"{source}: {what} {name!r} is {ranks.get(name, 'missing')}, "
                f"the contract says {wanted.get(name, 'there is none')} (type, number of axes)."
            )
