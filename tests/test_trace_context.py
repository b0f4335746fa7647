"""Which headers of a record an alert carries on."""

import pytest

from stream.trace_context import carried

PARENT = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
STATE = ("tracestate", b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")


def test_a_trace_context_is_carried() -> None:
    assert carried([("other", b"x"), STATE, PARENT]) == [PARENT, STATE]
    assert carried([PARENT]) == [PARENT]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [STATE],
        [("traceparent", None)],
        [("traceparent", b"4929 1234 5678 9012")],
        [("traceparent", PARENT[1] + b"-more")],
        [("traceparent", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01")],
        [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01")],
    ],
)
def test_what_is_no_trace_context_stays(headers: list[tuple[str, bytes | None]]) -> None:
    assert carried(headers) == []


@pytest.mark.parametrize("state", [b"", b"no value", b"a=b\n", b"a=" + b"x" * 600, b"A=1"])
def test_a_state_that_is_none_stays(state: bytes) -> None:
    assert carried([PARENT, ("tracestate", state)]) == [PARENT]
