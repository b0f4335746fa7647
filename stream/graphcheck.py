"""What a model file may hold, read from its bytes before ONNX Runtime sees them.

Every occurrence of a field is walked, so a file that repeats one (a parser would merge them) hides nothing.
"""

from stream import protobuf as pb
from stream.errors import ContractError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 8

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
    for field, value in pb.fields(model):
        if field in (pb.MODEL_FUNCTIONS, pb.MODEL_TRAINING):
            raise ContractError(f"{source} brings functions or training code of its own, which is refused.")
        if field == pb.MODEL_OPSET:
            _check_domain(pb.text(value, pb.OPSET_DOMAIN), f"{source}, opset import")
        elif field == pb.MODEL_GRAPH:
            graphs += 1
            _check_nodes(value, source, depth=0)
    if not graphs:
        raise ContractError(f"{source} holds no ONNX graph.")


def _check_nodes(graph: memoryview, source: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ContractError(f"{source} nests graphs deeper than {MAX_DEPTH}.")
    for field, value in pb.fields(graph):
        if field == pb.GRAPH_NODE:
            kind, name = pb.text(value, pb.NODE_KIND).decode(), pb.text(value, pb.NODE_NAME).decode()
            where = f"{source}, node {name!r} ({kind})"
            _check_domain(pb.text(value, pb.NODE_DOMAIN), where)
            for part, attribute in pb.fields(value):
                if part == pb.NODE_ATTRIBUTE:
                    _check_attribute(attribute, where, depth)
        elif field == pb.GRAPH_TENSOR:
            _check_tensor(value, source)
        elif field == pb.GRAPH_SPARSE:
            _check_sparse(value, source)


def _check_attribute(attribute: memoryview, source: str, depth: int) -> None:
    for field, value in pb.fields(attribute):
        if field in (pb.ATTRIBUTE_TENSOR, pb.ATTRIBUTE_TENSORS):
            _check_tensor(value, source)
        elif field in (pb.ATTRIBUTE_SPARSE, pb.ATTRIBUTE_SPARSES):
            _check_sparse(value, source)
        elif field in (pb.ATTRIBUTE_GRAPH, pb.ATTRIBUTE_GRAPHS):
            _check_nodes(value, source, depth + 1)


def _check_sparse(tensor: memoryview, source: str) -> None:
    for field, value in pb.fields(tensor):
        if field in (pb.SPARSE_VALUES, pb.SPARSE_INDICES):
            _check_tensor(value, source)


def _check_tensor(tensor: memoryview, source: str) -> None:
    for field, value in pb.fields(tensor):
        if field == pb.TENSOR_EXTERNAL or (field == pb.TENSOR_LOCATION and bytes(value) != b"\0"):
            raise ContractError(f"{source} keeps a tensor in another file, which is refused.")


def _check_domain(domain: bytes, where: str) -> None:
    if domain not in STANDARD_DOMAINS:
        name = domain.decode(errors="replace")
        raise ContractError(
            f"{where} uses the operator domain {name!r}; only standard ONNX operators are accepted."
        )
