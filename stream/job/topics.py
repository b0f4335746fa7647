"""The topics that onsight reads and writes: what each should be, what is there, making what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stream.settings import Settings

DAY_MS = 86_400_000
MIB = 2**20


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; `configs` are Kafka's topic properties."""

    name: str
    purpose: str
    partitions: int
    replication: int
    configs: dict[str, str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it is beside what it should be."""

    spec: TopicSpec
    exists: bool
    partitions: int = 0
    replication: int = 0
    configs: dict[str, str] = field(default_factory=dict)  # those that the spec names

    @property
    def differences(self) -> tuple[str, ...]:
        """One sentence for each thing that is not as it should be; none for a topic that doesn't exist."""
        if not self.exists:
            return ()
        pairs = [
            ("partitions", str(self.partitions), str(self.spec.partitions)),
            ("replication", str(self.replication), str(self.spec.replication)),
            *((name, self.configs.get(name, "unset"), wanted) for name, wanted in self.spec.configs.items()),
        ]
        return tuple(f"{name} is {seen}, expected {wanted}" for name, seen, wanted in pairs if seen != wanted)


def topic_specs(settings: Settings) -> tuple[TopicSpec, ...]:
    """All topics that a worker with these settings uses, the changelog (made by the worker itself) left out.

    Every worker reads all verdicts, so one partition does for them and gives them an order. They are kept for a year
    and not compacted: compaction by entity would keep the last of an entity's verdicts only.
    Dead letters may be larger than any event, as headers are added to the raw bytes.
    """
    many, copies = settings.partitions, settings.replication
    safe = {"min.insync.replicas": str(max(1, copies - 1))}
    kept = {**safe, "cleanup.policy": "delete"}
    return (
        TopicSpec(settings.input_topic, "events", many, copies, {**kept, "retention.ms": str(7 * DAY_MS)}),
        TopicSpec(settings.alerts_topic, "alerts", many, copies, {**kept, "retention.ms": str(30 * DAY_MS)}),
        TopicSpec(
            settings.verdicts_topic, "verdicts", 1, copies, {**kept, "retention.ms": str(365 * DAY_MS)}
        ),
        TopicSpec(
            settings.dead_letters_topic,
            "unreadable events",
            many,
            copies,
            {**kept, "retention.ms": str(14 * DAY_MS), "max.message.bytes": str(16 * MIB)},
        ),
        TopicSpec(
            settings.models_topic,
            "signed models",
            1,
            copies,
            {**safe, "cleanup.policy": "compact", "max.message.bytes": str(MIB)},  # a part has half of it
        ),
    )


def describe_topics(admin: Any, specs: Sequence[TopicSpec]) -> tuple[TopicState, ...]:
    """Each topic as it is; `admin` is a kafka-python admin client."""
    from kafka.admin import ConfigResource

    present = set(admin.list_topics())
    names = [spec.name for spec in specs if spec.name in present]
    if not names:
        return tuple(TopicState(spec, exists=False) for spec in specs)
    found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(names)}
    resources = [ConfigResource("TOPIC", name) for name in names]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]

    def state(spec: TopicSpec) -> TopicState:
        if spec.name not in found:
            return TopicState(spec, exists=False)
        partitions = found[spec.name]
        seen = {
            name: configs[spec.name][name]["value"] for name in spec.configs if name in configs[spec.name]
        }
        copies = min(len(partition["replica_nodes"]) for partition in partitions)
        return TopicState(spec, True, len(partitions), copies, seen)

    return tuple(map(state, specs))


def create_topics(admin: Any, specs: Sequence[TopicSpec]) -> frozenset[str]:
    """Make the topics that don't exist, wait until they can be used, return their names. Alters none."""
    from kafka.errors import TopicAlreadyExistsError

    missing = [state.spec for state in describe_topics(admin, specs) if not state.exists]
    made = set()
    for spec in missing:
        wanted = {
            "num_partitions": spec.partitions,
            "replication_factor": spec.replication,
            "configs": spec.configs,
        }
        try:
            admin.create_topics({spec.name: wanted})
            made.add(spec.name)
        except TopicAlreadyExistsError:
            continue  # somebody else made it in the meantime
    admin.wait_for_topics([spec.name for spec in missing])
    return frozenset(made)
