"""The little of protocol buffers that reading an ONNX file takes, so that a worker needs no `onnx` package.

Encoding: https://protobuf.dev/programming-guides/encoding/
Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

MODEL_GRAPH, MODEL_OPSET, MODEL_TRAINING, MODEL_FUNCTIONS = 7, 8, 20, 25
GRAPH_NODE, GRAPH_TENSOR, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_SPARSE = 1, 5, 11, 12, 15
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_KIND, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 3, 4, 5, 7
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES = 22, 23
SPARSE_VALUES, SPARSE_INDICES = 1, 2
TENSOR_EXTERNAL, TENSOR_LOCATION = 13, 14
OPSET_DOMAIN = 1
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR, TENSOR_TYPE_ELEMENT = 1, 1


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Each field's number and the bytes of its value. Raises ValueError or IndexError on a malformed message."""
    for field, value, _ in spans(message):
        yield field, value


def spans(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each field's number, the bytes of its value, and the bytes of the whole field. Raises as `fields`."""
    at = 0
    while at < len(message):
        start = at
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
            raise ValueError(f"wire type {wire} at byte {start}")
        if end > len(message):
            raise ValueError(f"a field ends at byte {end} of {len(message)}")
        yield key >> 3, message[at:end], message[start:end]
        at = end


def text(message: memoryview, wanted: int) -> bytes:
    """The bytes of field `wanted`, the last if it is repeated, empty if it is absent."""
    found = texts(message, wanted)
    return found[-1] if found else b""


def texts(message: memoryview, wanted: int) -> list[bytes]:
    """The bytes of every field `wanted`."""
    return [bytes(value) for value in values(message, wanted)]


def values(message: memoryview, wanted: int) -> list[memoryview]:
    """The values of every field `wanted`, uncopied. Raises as `fields`."""
    return [value for field, value in fields(message) if field == wanted]


def encoded(field: int, value: bytes) -> bytes:
    """A field of bytes."""
    return _number(field << 3 | BYTES) + _number(len(value)) + value


def encoded_number(field: int, value: int) -> bytes:
    """A field of a number that is not negative."""
    return _number(field << 3 | VARINT) + _number(value)


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


def _number(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
