"""Runs of a training: all from the same sources, each by a plan of its own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
from onnx import ModelProto

from export.checkpoint import Checkpoint
from export.commands.history import history_of
from export.commands.replays import Mixed
from export.commands.sources import Sources
from export.contract import check, open_model
from export.development import Development, Figures
from export.meta.build import build
from export.meta.kept import Start
from export.train import Plan, train


@dataclass(frozen=True, slots=True)
class Run:
    """A trained model; `figures` are what the manifest says of it."""

    plan: Plan
    model: ModelProto
    figures: Figures
    broken: list[str]  # sentences of the contract that the model does not fulfil

    @property
    def merit(self) -> tuple[bool, float]:
        """What the seeds are compared by: the contract, then AUROC and average precision, summed over all contexts."""
        return not self.broken, sum(one["auroc"] + one["ap10"] for one in self.figures.values())


def recipe_of(best: Run, runs: Sequence[Run]) -> dict[str, object]:
    """What the manifest says of how `best` came to be; of all `runs`, where it was chosen among some."""
    recipe = {"kind": "meta-model", **asdict(best.plan), "figures": best.figures}
    if len(runs) > 1:
        recipe["seeds"] = {str(run.plan.seed): {"figures": run.figures, "broken": run.broken} for run in runs}
    return recipe


@dataclass(frozen=True, slots=True)
class Given:
    """What all seeds are trained from and measured on."""

    sources: Sources
    mixed: list[Mixed]
    start: Start | None
    development: Development

    @property
    def told(self) -> list[str]:
        """What the manifest says about where the model comes from."""
        return [*self.sources.told, *self._also]

    @property
    def _also(self) -> list[str]:
        return [*(one.told for one in self.mixed), *([self.start.told] if self.start else [])]

    def run(self, plan: Plan, work: Path) -> Run:
        """Train by `plan`, or go on with that run, in a folder of `work` that is its own."""
        checkpoint = Checkpoint(work, f"{plan} {self.sources.names} {self._also}")
        with history_of(plan, checkpoint.folder or work) as history:
            parameters = train(
                plan,
                self.sources.sets,
                checkpoint,
                history.add,
                tables=self.sources.tables,
                validate=self.development.ahead,
                start=self.start.parameters if self.start else None,
                replays=[one.replay for one in self.mixed],
            )
        # What a run compiles takes 8,000 mappings of memory, and Linux gives a process 65,530.
        jax.clear_caches()  # type: ignore[no-untyped-call]
        model = build(parameters)
        content = model.SerializeToString()
        broken = [one.sentence for one in check(open_model(content)) if not one.passed]
        return Run(plan, model, self.development.figures(content), broken)
