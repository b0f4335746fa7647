"""How the worker's asyncio clients reach the brokers: TLS, SASL, and the first question asked of them."""

import asyncio
import ssl
from typing import Any

import faust
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

from stream.errors import BrokerError
from stream.settings import Settings


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


def client_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of every aiokafka client."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.security_protocol,
        "ssl_context": tls(settings),
    }
    if settings.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.sasl_username
        arguments["sasl_plain_password"] = _password(settings)
    return arguments


def credentials(settings: Settings) -> Any:
    """Faust's form of the same."""
    context = tls(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=_password(settings),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _password(settings: Settings) -> str:
    return settings.sasl_password.get_secret_value() if settings.sasl_password else ""


def partition_count(settings: Settings, topic: str) -> int:
    """How many partitions a topic has. Raises BrokerError: no broker answers, or there is no such topic."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_partition_count(settings, topic))
    except (KafkaError, OSError) as error:
        raise BrokerError(
            f"no answer from the brokers at {settings.kafka} ({error}); is the address right (setting kafka) and are "
            "they up? `onsight broker` starts a throw-away one"
        ) from error
    finally:
        loop.close()


async def _partition_count(settings: Settings, topic: str) -> int:
    client = AIOKafkaClient(**client_arguments(settings))
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        found = client.cluster.partitions_for_topic(topic)
    finally:
        await client.close()
    if not found:
        raise BrokerError(
            f"topic {topic!r} does not exist on {settings.kafka} (setting input_topic); "
            "`onsight topics create` makes the topics that onsight needs"
        )
    return len(found)
