"""What a model file may hold, read from its bytes before ONNX Runtime sees them.

ONNX is protocol buffers (https://protobuf.dev/programming-guides/encoding/); the field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Walking the few messages that matter takes milliseconds
and spares the worker the `onnx` package. Every occurrence of a field is walked, so a file that repeats one
(a parser would merge them) can't hide anything.
"""

from collections.abc import Iterator

from stream.errors import ContractError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 8

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MODEL_GRAPH, MODEL_OPSET, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_TENSOR, GRAPH_SPARSE = 1, 5, 15
NODE_NAME, NODE_KIND, NODE_ATTRIBUTE, NODE_DOMAIN = 3, 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES = 22, 23
SPARSE_VALUES, SPARSE_INDICES = 1, 2
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
OPSET_DOMAIN = 1
STANDARD_DOMAINS = (b"", b"ai.onnx")


def check_graph(model: bytes, source: str) -> None:
    """Refuse a file that is too large, or has custom operators, functions, or tensors outside itself.

    Raises ContractError, naming `source`.
    """
    if len(model) > MAX_BYTES:
        raise ContractError(f"{source} has {len(model):,} bytes, more than the limit of {MAX_BYTES:,}.")
    try:
        _check_model(memoryview(model), source)
    except (IndexError, ValueError) as error:
        raise ContractError(f"{source} is not a readable ONNX file: {error}.") from error


def _check_model(model: memoryview, source: str) -> None:
    graphs = 0
    for field, value in _fields(model):
        if field in (MODEL_FUNCTIONS, MODEL_TRAINING):
            raise ContractError(f"{source} brings functions or training code of its own, which is refused.")
        if field == MODEL_OPSET:
            _check_domain(_text(value, OPSET_DOMAIN), f"{source}, opset import")
        elif field == MODEL_GRAPH:
            graphs += 1
            _check_nodes(value, source, depth=0)
    if not graphs:
        raise ContractError(f"{source} holds no ONNX graph.")


def _check_nodes(graph: memoryview, source: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ContractError(f"{source} nests graphs deeper than {MAX_DEPTH}.")
    for field, value in _fields(graph):
        if field == GRAPH_NODE:
            kind, name = _text(value, NODE_KIND).decode(), _text(value, NODE_NAME).decode()
            where = f"{source}, node {name!r} ({kind})"
            _check_domain(_text(value, NODE_DOMAIN), where)
            for part, attribute in _fields(value):
                if part == NODE_ATTRIBUTE:
                    _check_attribute(attribute, where, depth)
        elif field == GRAPH_TENSOR:
            _check_tensor(value, source)
        elif field == GRAPH_SPARSE:
            _check_sparse(value, source)


def _check_attribute(attribute: memoryview, source: str, depth: int) -> None:
    for field, value in _fields(attribute):
        if field in (ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
            _check_tensor(value, source)
        elif field in (ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES):
            _check_sparse(value, source)
        elif field in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
            _check_nodes(value, source, depth + 1)


def _check_sparse(tensor: memoryview, source: str) -> None:
    for field, value in _fields(tensor):
        if field in (SPARSE_VALUES, SPARSE_INDICES):
            _check_tensor(value, source)


def _check_tensor(tensor: memoryview, source: str) -> None:
    for field, value in _fields(tensor):
        if field == TENSOR_EXTERNAL or (field == TENSOR_LOCATION and bytes(value) != b"\0"):
            raise ContractError(f"{source} keeps a tensor in another file, which is refused.")


def _check_domain(domain: bytes, where: str) -> None:
    if domain not in STANDARD_DOMAINS:
        raise ContractError(
            f"{where} uses the operator domain {domain.decode(errors='replace')!r}; only standard ONNX operators are accepted."
        )


def _text(message: memoryview, wanted: int) -> bytes:
    found = [bytes(value) for field, value in _fields(message) if field == wanted]
    return found[-1] if found else b""


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Each field's number and its bytes (a varint's as its little-endian digits, 7 bits a byte)."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == VARINT:
            _, end = _varint(message, at)
        elif wire == BYTES:
            size, at = _varint(message, at)
            end = at + size
        elif wire in (FIXED64, FIXED32):
            end = at + (8 if wire == FIXED64 else 4)
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if end > len(message):
            raise ValueError(f"a field ends at byte {end} of {len(message)}")
        yield key >> 3, message[at:end]
        at = end


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"a number longer than 64 bits at byte {at}")
