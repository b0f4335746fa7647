"""OpenTelemetry traces, for those who want them: one span a run, linked to the traces of its events.

The OTEL_* variables of OpenTelemetry say where they go. Nothing of an event is in a span, its trace's id apart.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from stream.alerts import Source
from stream.errors import SettingsError
from stream.settings import Settings
from stream.trace_context import carried

MOST_LINKS = 128  # of a span, as OpenTelemetry has it

Span = Callable[[Source, Sequence[Any]], AbstractContextManager[Any]]


def no_span(_source: Source, _records: Sequence[Any], _nothing: Any = nullcontext()) -> Any:  # noqa: B008
    """For workers without traces."""
    return _nothing


def spans(settings: Settings) -> tuple[Span, Callable[[], None]]:
    """What makes a run's span, and what sends the last ones off. Raises SettingsError: the extra is not installed."""
    if not settings.traces:
        return no_span, lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            f"traces is on, but OpenTelemetry is not installed ({error}): pip install 'onsight[traces]'"
        ) from error
    named = {SERVICE_NAME: settings.application_id}
    if settings.instance_id:
        named[SERVICE_INSTANCE_ID] = settings.instance_id
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider, settings.application_id), provider.shutdown


class Spans:
    """Makes spans by a provider of OpenTelemetry's SDK, for the consumer group `group`."""

    def __init__(self, provider: Any, group: str) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer, self._group = provider.get_tracer("onsight"), group
        self._read = TraceContextTextMapPropagator().extract

    def __call__(self, source: Source, records: Sequence[Any]) -> AbstractContextManager[Any]:
        from opentelemetry.trace import SpanKind

        span: AbstractContextManager[Any] = self._tracer.start_as_current_span(
            f"score {source.topic}",
            kind=SpanKind.CONSUMER,
            links=self._links(records),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.destination.name": source.topic,
                "messaging.destination.partition.id": str(source.partition),
                "messaging.consumer.group.name": self._group,
                "messaging.batch.message_count": len(records),
            },
            record_exception=False,  # its message might quote an event
            set_status_on_exception=False,
        )
        return span

    def _links(self, records: Sequence[Any]) -> list[Any]:
        """Links to the traces of the first events that have one."""
        from opentelemetry.trace import Link, get_current_span

        links: list[Any] = []
        for record in records:
            if len(links) < MOST_LINKS and (found := carried(record.headers)):
                headers = {name: value.decode() for name, value in found}
                links.append(Link(get_current_span(self._read(headers)).get_span_context()))
        return links
