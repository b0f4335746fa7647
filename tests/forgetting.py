"""Old tasks and new ones that pull a model apart, for the test and the bench of what replay keeps.

Old: machines whose events have two steady and two heavy-tailed numbers and a kind; what people confirmed is a shift
of a steady number, and extremes of the heavy-tailed ones mean nothing. They are collected into an experience store,
with verdicts. New: sets without a kind in which the steady numbers drift, which means nothing, and what is anomalous
are extremes of the heavy-tailed ones. Trained on the new sets alone a model unlearns the old ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import orjson

from export import train as training
from export.checkpoint import Checkpoint
from export.evaluate import output_of
from export.experience.collector import Collector, Topics
from export.experience.columns import columns_of, layout_of
from export.experience.read import read_experience
from export.experience.store import Store
from export.meta.build import build
from export.meta.parameters import Parameters
from export.metrics import auroc
from export.tasks.batches import draw_batch
from export.tasks.contexts import Layout, Replayed
from export.tasks.replay import Replay, replay_of
from export.tasks.sets import TaskSet
from export.tasks.variants import Recipe
from export.train import Plan, Report, train
from stream.alerts import Source
from stream.events import Decoder
from stream.job.fetched import Fetched
from stream.profile import parse
from stream.verdict import Verdict

PROFILE = parse(
    """\
name: machines
entity: {field: machine, noun: machine}
time: {field: ts, unit: s}
features:
  - {name: a, kind: number, field: a}
  - {name: b, kind: number, field: b}
  - {name: c, kind: number, field: c}
  - {name: d, kind: number, field: d}
  - {name: kind, kind: category, field: kind}
alerts: {per_day: 50}
""",
    "machines.yaml",
)
MACHINES, EVENTS, ANOMALOUS = 40, 160, 0.06
SETS, SET_ROWS = 20, 400
HEAVY = 1.5  # of a log-normal
LAYOUT = Layout(groups=4, contexts=3, rows=32, columns=6, queries=16)
ASKED = Layout(groups=8, contexts=2, rows=32, columns=6, queries=32)
ASKED_BATCHES = 6
AS_IT_IS = Recipe(
    priors=0, sliced=0, synthetic=0, mixed=0, missing=0, categories=0, directed=0, contaminated=0
)


@dataclass(frozen=True, slots=True)
class Memory:
    """AUROC of the old and the new tasks, on machines and sets that no training saw."""

    old: float
    new: float


@dataclass(frozen=True, slots=True)
class Forgetting:
    """A model that knows the old tasks, and the same after training on the new ones, without and with replay."""

    before: Memory
    without: Memory
    replayed: Memory


def forgetting(folder: Path, plan: Plan, share: float, report: Report) -> Forgetting:
    """Train a model on the old tasks, then twice from it on the new ones; `share` of the tasks is replayed."""
    known, held_out = (old_tasks(folder / name, seed) for name, seed in (("known", 1), ("held-out", 2)))
    new, new_held_out = new_sets(11), new_sets(12)

    def asked(parameters: Parameters) -> Memory:
        old = mean_auroc(parameters, [], [held_out])
        return Memory(old, mean_auroc(parameters, new_held_out, []))

    def trained(sets: list[TaskSet], replays: Sequence[Replayed], start: Parameters | None) -> Parameters:
        with patch.object(training, "LAYOUTS", (LAYOUT,)):
            return train(plan, sets, Checkpoint(None, ""), report, start=start, replays=replays)

    base = trained([], [replace(known, share=0.7)], None)
    without = trained(new, [], base)
    replayed = trained(new, [replace(known, share=share)], base)
    return Forgetting(asked(base), asked(without), asked(replayed))


def old_tasks(folder: Path, seed: int) -> Replay:
    """The old tasks, as they come back from a store that was collected."""
    rng = np.random.default_rng(seed)
    steady, heavy = rng.normal(size=(MACHINES, EVENTS, 2)), _heavy(rng, MACHINES, EVENTS, 2)
    anomalous = rng.random((MACHINES, EVENTS)) < ANOMALOUS
    shift = rng.choice([-1, 1], steady.shape) * rng.uniform(2, 4, steady.shape)
    numbers = np.concatenate([steady + shift * anomalous[:, :, None], heavy], 2)
    numbers = rng.normal(0, 3, (MACHINES, 1, 4)) + numbers * np.exp(rng.normal(0, 0.5, (MACHINES, 1, 4)))
    kind = rng.integers(3, size=(MACHINES, EVENTS))
    places = [(machine, at) for at in range(EVENTS) for machine in range(MACHINES)]
    values = [
        orjson.dumps(
            {
                "machine": f"m{machine}",
                "ts": 60 * at,
                "kind": f"k{kind[machine, at]}",
                **dict(zip("abcd", numbers[machine, at].tolist(), strict=True)),
            }
        )
        for machine, at in places
    ]
    confirmed = [offset for offset, place in enumerate(places) if anomalous[place]]
    verdicts = [
        Verdict(f"v{at}", "m", "confirmed", "test", 0.0, Source("events", 0), at).body() for at in confirmed
    ]
    with Store(folder, layout_of(PROFILE), columns_of(PROFILE), 2**30) as store:
        collector = Collector(store, Decoder(PROFILE), Topics("events", "alerts", "verdicts"), 1000)
        for topic, records in (("events", values), ("verdicts", verdicts)):
            many = len(records)
            collector.add(Fetched(topic, 0, [b""] * many, records, [0] * many, np.arange(many)))
        collector.commit()
    return replay_of(read_experience(folder), 1.0, str(folder))


def new_sets(seed: int) -> list[TaskSet]:
    rng = np.random.default_rng(seed)

    def one(number: int) -> TaskSet:
        steady = rng.normal(size=(3, SET_ROWS, 3))
        steady[1] += rng.choice([-1, 1], steady[1].shape) * rng.uniform(1.5, 4, steady[1].shape)
        heavy = _heavy(rng, 3, SET_ROWS, 3)
        heavy[2] *= np.exp(rng.uniform(1, 3, heavy[2].shape))
        return TaskSet(f"new{number}", *np.concatenate([steady, heavy], 2).astype(np.float32))

    return [one(number) for number in range(SETS)]


def _heavy(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.exp(rng.normal(size=shape) * HEAVY)


def mean_auroc(parameters: Parameters, sets: list[TaskSet], replays: Sequence[Replayed]) -> float:
    """Mean AUROC over contexts drawn with a fixed seed, scored by the graph that would ship."""
    score = output_of(build(parameters).SerializeToString(), "score")
    found = []
    for number in range(ASKED_BATCHES):
        batch = draw_batch(sets, ASKED, AS_IT_IS, np.random.default_rng([99, number]), replays=replays)
        for at in range(ASKED.groups * ASKED.contexts):
            width = int(batch.used[at].sum())
            query, none = batch.query[at, :, :width], np.zeros((0, width))
            window = batch.window[at, :width, batch.window_mask[at] == 1]
            events, rows = len(query), len(window)
            inputs = {
                "query": query,
                "window": np.broadcast_to(window, (events, rows, width)),
                "window_mask": np.ones((events, rows)),
                "window_label": np.zeros((events, rows)),
                "peers": none,
                "peers_mask": none[:, 0],
                "peers_label": none[:, 0],
                "category": batch.category[at, :width],
                "direction": batch.direction[at, :width],
            }
            found.append(
                auroc(
                    score({name: np.ascontiguousarray(value, np.float32) for name, value in inputs.items()}),
                    np.arange(events) >= events // 2,
                )
            )
    return float(np.mean(found))
