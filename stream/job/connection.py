"""What Faust must know to reach the brokers, and the first question asked of them."""

import asyncio
from collections.abc import Sequence
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


def partition_count(settings: Settings, *topics: str) -> int:
    """How many partitions the first topic has. Raises BrokerError: no broker answers, or a topic is not there."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_partition_count(settings, topics))
    except (KafkaError, OSError) as error:
        raise BrokerError(
            f"no answer from the brokers at {settings.kafka} ({error}); is the address right (setting kafka) and are "
            "they up? `onsight broker` starts a throw-away one"
        ) from error
    finally:
        loop.close()


async def _partition_count(settings: Settings, topics: Sequence[str]) -> int:
    client = AIOKafkaClient(**client_arguments(settings))
    await client.bootstrap()
    try:
        await client.set_topics(topics)
        found = {topic: client.cluster.partitions_for_topic(topic) for topic in topics}
    finally:
        await client.close()
    if missing := [topic for topic, partitions in found.items() if not partitions]:
        names = ", ".join(map(repr, missing))
        raise BrokerError(
            f"{'topics' if missing[1:] else 'topic'} {names} not found on {settings.kafka}, or not open to this user; "
            "`onsight topics create` makes the topics that onsight needs, `onsight topics acls` tells the rights"
        )
    return len(found[topics[0]] or ())
