"""A model cut in two: what hangs on some inputs alone, here the peers and the profile, and what is each event's own.

The first part's results are the same for all events between two epochs, so they are worked out once and handed to
the second part as further inputs. What hangs on constants alone stays in both, for ONNX Runtime to fold at load.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from stream import protobuf as pb
from stream.errors import ContractError
from stream.prune import reads

CONSTANT, SHARED, OWN = range(3)
# TensorProto.DataType in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, by ONNX Runtime's names.
ELEMENT_TYPES = {
    "tensor(float)": 1,
    "tensor(uint8)": 2,
    "tensor(int8)": 3,
    "tensor(uint16)": 4,
    "tensor(int16)": 5,
    "tensor(int32)": 6,
    "tensor(int64)": 7,
    "tensor(string)": 8,
    "tensor(bool)": 9,
    "tensor(float16)": 10,
    "tensor(double)": 11,
    "tensor(uint32)": 12,
    "tensor(uint64)": 13,
    "tensor(bfloat16)": 16,
}


def boundary(model: bytes, inputs: Collection[str]) -> tuple[str, ...]:
    """The values that come of the shared `inputs` alone and that events read, sorted. May be empty."""
    graph = _graph(model)
    levels = _levels(graph, inputs)
    own = (node for node in pb.values(graph, pb.GRAPH_NODE) if _level(node, levels) == OWN)
    read = {name.decode() for node in own for name in reads(node) if levels.get(name) == SHARED}
    return tuple(sorted(read.difference(inputs)))


def shared_part(model: bytes, inputs: Collection[str]) -> bytes:
    """The part of `model` that reads the shared `inputs` only. Its outputs are the `boundary`."""
    levels = _levels(_graph(model), inputs)

    def keep(field: int, value: memoryview) -> bool:
        if field == pb.GRAPH_NODE:
            return _level(value, levels) != OWN
        if field == pb.GRAPH_INPUT:
            return pb.text(value, pb.VALUE_NAME).decode() in inputs
        return field != pb.GRAPH_OUTPUT

    outputs = (pb.encoded(pb.VALUE_NAME, name.encode()) for name in boundary(model, inputs))
    return _rebuilt(model, keep, [pb.encoded(pb.GRAPH_OUTPUT, output) for output in outputs])


def own_part(model: bytes, inputs: Collection[str], types: Mapping[str, str]) -> bytes:
    """The rest of `model`: all its inputs, and the `boundary`, whose `types` are as ONNX Runtime spells them.

    Raises ContractError for a type that is no tensor.
    """
    levels = _levels(_graph(model), inputs)

    def keep(field: int, value: memoryview) -> bool:
        return field != pb.GRAPH_NODE or _level(value, levels) != SHARED

    return _rebuilt(model, keep, [pb.encoded(pb.GRAPH_INPUT, _tensor(*item)) for item in types.items()])


def _levels(graph: memoryview, inputs: Collection[str]) -> dict[bytes, int]:
    """What each value of `graph` hangs on; initializers are left out. A result counts as the events' own."""
    names = (pb.text(value, pb.VALUE_NAME) for value in pb.values(graph, pb.GRAPH_INPUT))
    levels = {name: SHARED if name.decode() in inputs else OWN for name in names}
    results = {pb.text(value, pb.VALUE_NAME) for value in pb.values(graph, pb.GRAPH_OUTPUT)}
    for node in pb.values(graph, pb.GRAPH_NODE):
        made = set(pb.texts(node, pb.NODE_OUTPUT)) - {b""}
        read = max((levels.get(name, CONSTANT) for name in reads(node)), default=CONSTANT)
        levels.update(dict.fromkeys(made, read if results.isdisjoint(made) else OWN))
    return levels


def _level(node: memoryview, levels: Mapping[bytes, int]) -> int:
    return max(levels.get(name, CONSTANT) for name in pb.texts(node, pb.NODE_OUTPUT))


def _graph(model: bytes) -> memoryview:
    return next(iter(pb.values(memoryview(model), pb.MODEL_GRAPH)))


def _rebuilt(model: bytes, keep: Callable[[int, memoryview], bool], added: Sequence[bytes]) -> bytes:
    """`model` with the fields of its graph that are to `keep`, and the `added` ones."""
    parts = []
    for field, value, whole in pb.spans(memoryview(model)):
        if field == pb.MODEL_GRAPH:
            kept = [bytes(span) for part, inner, span in pb.spans(value) if keep(part, inner)]
            parts.append(pb.encoded(field, b"".join([*kept, *added])))
        else:
            parts.append(bytes(whole))
    return b"".join(parts)


def _tensor(name: str, kind: str) -> bytes:
    """A ValueInfoProto of a tensor of any shape."""
    if kind not in ELEMENT_TYPES:
        raise ContractError(
            f"the model works out {name!r}, a {kind}, from the peers alone; only tensors may be."
        )
    tensor = pb.encoded_number(pb.TENSOR_TYPE_ELEMENT, ELEMENT_TYPES[kind])
    return pb.encoded(pb.VALUE_NAME, name.encode()) + pb.encoded(
        pb.VALUE_TYPE, pb.encoded(pb.TYPE_TENSOR, tensor)
    )
