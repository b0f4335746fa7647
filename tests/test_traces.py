"""One span a run, linked to the traces of its events."""

from types import SimpleNamespace
from typing import Any

import pytest

from stream.alerts import Source
from stream.job.traces import MOST_LINKS, Spans, no_span

pytest.importorskip("opentelemetry.sdk", reason="the extra `traces` is not installed")

TRACE = "4bf92f3577b34da6a3ce929d0e0e%04x"


def record(number: int | None) -> Any:
    parent = f"00-{TRACE % number}-00f067aa0ba902b7-01".encode() if number is not None else b"none"
    return SimpleNamespace(headers=[("traceparent", parent)])


def test_a_run_is_a_span_with_links() -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    made = Spans(provider, "onsight")
    records = [record(None), *map(record, range(MOST_LINKS + 5))]
    with pytest.raises(ValueError, match="planted"), made(Source("events", 3), records):
        raise ValueError("planted")
    (span,) = kept.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["messaging.destination.partition.id"] == "3"
    assert span.attributes["messaging.batch.message_count"] == len(records)
    linked = [f"{link.context.trace_id:032x}" for link in span.links]
    assert linked == [TRACE % number for number in range(MOST_LINKS)]
    assert "planted" not in span.to_json()


def test_without_traces_nothing_is_made() -> None:
    with no_span(Source("events", 3), [record(1)]) as span:
        assert span is None
