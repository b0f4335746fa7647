"""What a worker's user must be allowed to do, and no more: as ACLs of Apache Kafka."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from stream.settings import Settings


@dataclass(frozen=True, slots=True)
class Right:
    """One resource, and what may be done with it. `prefix`: with every one whose name begins so."""

    resource: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]
    prefix: bool = False


def rights(settings: Settings) -> tuple[Right, ...]:
    """The rights of a worker with these settings. A right to read or write brings that to describe along."""
    name = settings.application_id
    return (
        Right("topic", settings.input_topic, ("Read",)),
        Right("topic", settings.verdicts_topic, ("Read",)),
        Right("topic", settings.models_topic, ("Read",)),
        Right("topic", settings.alerts_topic, ("Write",)),
        Right("topic", settings.dead_letters_topic, ("Write",)),
        # The changelog, what is routed, and what trials show.
        Right("topic", f"{name}-", ("Create", "Read", "Write"), prefix=True),
        Right("group", name, ("Read",)),
    )


def rights_to_collect(settings: Settings) -> tuple[Right, ...]:
    """The rights of `onsight-export collect` with these settings."""
    topics = settings.source_topic, settings.alerts_topic, settings.verdicts_topic
    group = Right("group", f"{settings.application_id}.experience", ("Read",))
    return (*(Right("topic", topic, ("Read",)) for topic in topics), group)


def commands(settings: Settings, rights: Iterable[Right], user: str) -> Iterator[str]:
    """Rights as calls of Kafka's own tool."""
    for right in rights:
        operations = " ".join(f"--operation {operation}" for operation in right.operations)
        pattern = " --resource-pattern-type prefixed" if right.prefix else ""
        yield (
            f"kafka-acls.sh --bootstrap-server {settings.kafka} --add --allow-principal 'User:{user}' "
            f"{operations} --{right.resource} '{right.name}'{pattern}"
        )
