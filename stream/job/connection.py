"""What Faust must know to reach the brokers, and the first question asked of them."""

import asyncio
from typing import Any

import faust
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

from stream.errors import BrokerError
from stream.job.clients import client_arguments, password, tls
from stream.settings import Settings


def credentials(settings: Settings) -> Any:
    """How Faust logs in; None where nobody has to."""
    context = tls(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=password(settings),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


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
            f"topic {topic!r} does not exist on {settings.kafka}, or may not be read (setting input_topic); "
            "`onsight topics create` makes the topics that onsight needs, `onsight topics acls` tells the rights"
        )
    return len(found)
