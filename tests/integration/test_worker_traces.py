"""Traces through a real worker: what it sends off, and what its alerts carry on."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
from card_stream import events
from deployment import Deployment, read
from kafka import KafkaProducer
from test_worker import COUNT, admin, deploy, sources

__all__ = ["admin", "deploy", "sources"]  # fixtures

pytestmark = pytest.mark.kafka

SECRET = b"planted-header"


@pytest.fixture
def collector() -> Iterator[tuple[int, list[bytes]]]:
    """A port that takes what OTLP sends, and what it took."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], taken
        server.shutdown()


def test_an_alert_carries_its_event_s_trace(
    kafka: str, sources: Callable[[], str], deploy: Callable[..., Deployment]
) -> None:
    source = sources()
    produce_traced(kafka, source)
    deployment = deploy(source)
    worker = deployment.start()
    deployment.settle()
    assert worker.stop() == 0, worker.log
    sent = {(record.partition, record.offset): dict(record.headers) for record in read(kafka, source)}
    alerts = read(kafka, deployment.alerts)
    assert len(alerts) > 100
    for alert in alerts:
        place = orjson.loads(alert.value)["source"]
        headers = dict(alert.headers)
        assert headers["traceparent"] == sent[place["partition"], place["offset"]]["traceparent"]
        assert "secret" not in headers
        assert SECRET not in b"".join(headers.values())


def test_spans_leave(
    kafka: str,
    sources: Callable[[], str],
    deploy: Callable[..., Deployment],
    collector: tuple[int, list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the extra `traces` is not installed")
    port, taken = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    source = sources()
    produce_traced(kafka, source)
    deployment = deploy(source, traces=True)
    worker = deployment.start()
    deployment.settle()
    assert worker.stop() == 0, worker.log
    told = b"".join(taken)
    assert f"score {source}".encode() in told
    assert any(trace(number) in told for number in range(10))
    assert SECRET not in told
    assert events(COUNT)[0][0] not in told


def trace(number: int) -> bytes:
    """The id of an event's trace, as OTLP has it."""
    return bytes.fromhex(f"4bf92f3577b34da6a3ce929d{number:08x}")


def produce_traced(kafka: str, topic: str) -> None:
    with KafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
        for number, (key, value) in enumerate(events(COUNT)):
            parent = f"00-{trace(number).hex()}-00f067aa0ba902b7-01".encode()
            producer.send(topic, value, key=key, headers=[("traceparent", parent), ("secret", SECRET)])
        producer.flush()
