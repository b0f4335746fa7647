"""How every Kafka client reaches the brokers: the settings as aiokafka and kafka-python want them, and the clients."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stream.errors import BrokerError
from stream.settings import Settings

CONNECT_SECONDS = 5.0
BOOTSTRAP_MS = 10_000


def client_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of any client of aiokafka or of kafka-python."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.security_protocol,
        "ssl_context": tls(settings),
    }
    if settings.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.sasl_username
        arguments["sasl_plain_password"] = password(settings)
    return arguments


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context that the settings ask for, if any."""
    if not settings.security_protocol.endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
    if settings.tls_cert and settings.tls_key:
        secret = settings.tls_key_password
        context.load_cert_chain(
            settings.tls_cert, settings.tls_key, secret.get_secret_value() if secret else None
        )
    return context


def password(settings: Settings) -> str:
    """For SASL; empty where none is set."""
    return settings.sasl_password.get_secret_value() if settings.sasl_password else ""


@contextmanager
def admin_client(settings: Settings) -> Iterator[Any]:
    """A kafka-python admin client. Raises BrokerError where the brokers can't be reached or say no."""
    from kafka import KafkaAdminClient

    with _client(settings, KafkaAdminClient) as admin:
        yield admin


@contextmanager
def reading_client(settings: Settings) -> Iterator[Any]:
    """A kafka-python consumer without a group, which commits nothing and makes no topic. Raises BrokerError."""
    from kafka import KafkaConsumer

    with _client(
        settings, KafkaConsumer, group_id=None, enable_auto_commit=False, allow_auto_create_topics=False
    ) as consumer:
        yield consumer


@contextmanager
def writing_client(settings: Settings, **more: Any) -> Iterator[Any]:
    """A kafka-python producer whose records all replicas acknowledge; `more` are its arguments. Raises BrokerError."""
    from kafka import KafkaProducer

    with _client(settings, KafkaProducer, acks="all", **more) as producer:
        yield producer


@contextmanager
def _client(settings: Settings, kind: Any, **arguments: Any) -> Iterator[Any]:
    from kafka.errors import KafkaError

    reach(settings)
    try:
        with kind(bootstrap_timeout_ms=BOOTSTRAP_MS, **arguments, **client_arguments(settings)) as client:
            yield client
    except (KafkaError, OSError) as error:
        raise broker_error(settings, error) from error


def partitions_of(settings: Settings, consumer: Any, topic: str) -> list[Any]:
    """A topic's partitions, as kafka-python names them, by number. Raises BrokerError where there are none."""
    from kafka import TopicPartition

    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise BrokerError(
            f"topic {topic!r} does not exist on {settings.kafka}, or may not be read; `onsight topics describe` shows "
            "what is there, `onsight topics create` makes what is missing"
        )
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def reach(settings: Settings) -> None:
    """Raise BrokerError unless one of the addresses takes connections: the clients would retry for long."""
    for address in settings.kafka.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
            return
        except OSError as error:
            last = error
    raise broker_error(settings, last)


def broker_error(settings: Settings, error: Exception) -> BrokerError:
    """What to tell somebody whose client failed with `error`."""
    return BrokerError(
        f"the brokers at {settings.kafka} can't be reached, or refused ({type(error).__name__}: {error}). Is "
        "the address right (setting kafka, ONSIGHT_KAFKA)? `onsight broker` starts a throw-away one"
    )
