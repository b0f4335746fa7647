"""A model cut down to one output: only the nodes that the wanted output needs.

ONNX Runtime's inference builds compute every node of a graph whatever outputs are asked for (the run option
`only_execute_path_to_fetches` is for training builds: https://github.com/microsoft/onnxruntime/issues/16013),
so the work is taken out of the file before it is loaded.
"""

from stream import protobuf as pb


def only_output(model: bytes, output: str) -> bytes:
    """`model` with `output` as its only output, without the nodes that it doesn't need.

    The model must have passed `check_graph`; what has no such output comes back without any.
    """
    parts = []
    for field, value, whole in pb.spans(memoryview(model)):
        parts.append(pb.encoded(field, _pruned(value, output)) if field == pb.MODEL_GRAPH else bytes(whole))
    return b"".join(parts)


def _pruned(graph: memoryview, output: str) -> bytes:
    needed = _needed(pb.values(graph, pb.GRAPH_NODE), output.encode())
    parts = []
    for field, value, whole in pb.spans(graph):
        if field == pb.GRAPH_NODE:
            keep = not needed.isdisjoint(pb.texts(value, pb.NODE_OUTPUT))
        elif field == pb.GRAPH_OUTPUT:
            keep = pb.text(value, pb.VALUE_NAME) == output.encode()
        else:
            keep = True
        if keep:
            parts.append(whole)
    return b"".join(parts)


def _needed(nodes: list[memoryview], output: bytes) -> set[bytes]:
    """The names that `output` hangs on. ONNX lists nodes in topological order, so one walk backwards finds them."""
    needed = {output}
    for node in reversed(nodes):
        if not needed.isdisjoint(pb.texts(node, pb.NODE_OUTPUT)):
            needed.update(reads(node))
    return needed


def reads(node: memoryview) -> set[bytes]:
    """The names a node reads, also from the graphs in its attributes (branches, loop bodies)."""
    names = set(pb.texts(node, pb.NODE_INPUT)) - {b""}
    for field, attribute in pb.fields(node):
        if field == pb.NODE_ATTRIBUTE:
            for part, graph in pb.fields(attribute):
                if part in (pb.ATTRIBUTE_GRAPH, pb.ATTRIBUTE_GRAPHS):
                    names.update(pb.text(value, pb.VALUE_NAME) for value in pb.values(graph, pb.GRAPH_OUTPUT))
                    names.update(*(reads(node) for node in pb.values(graph, pb.GRAPH_NODE)))
    return names
