"""What is kept and told of a training while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from export.checkpoint import Checkpoint
from export.meta.ops import Array
from export.meta.parameters import Parameters

if TYPE_CHECKING:
    from export.development import Ahead

REPORT_STEPS = 200
VALIDATION_STEPS = 1000

# Current parameters, their average, the optimiser's own.
State = tuple[dict[str, Array], dict[str, Array], Array]


@dataclass(frozen=True, slots=True)
class Progress:
    """After some steps: mean ranking loss of the model and of what it is measured against, since the last report.

    At times also how far the model is ahead of nearest neighbours on sets that it isn't trained on.
    """

    part: str  # "zero-shot", "categories" or "labels"
    step: int
    steps: int
    loss: float
    against: float
    ahead_auroc: float = np.nan
    ahead_ap10: float = np.nan


Report = Callable[[Progress], None]
Validate = Callable[[Parameters], "Ahead"]


@dataclass(slots=True)
class Told:
    """What is kept and reported of a phase, every REPORT_STEPS and at its end."""

    part: str
    steps: int
    checkpoint: Checkpoint
    report: Report
    validate: Validate | None
    # The model's and the baseline's [2], since the last report.
    losses: list[Array] = field(default_factory=list)

    def on_step(self, step: int, losses: Array, held: Parameters, state: State) -> None:
        """After so many steps."""
        self.losses.append(losses)
        last = step == self.steps
        if step % REPORT_STEPS and not last:
            return
        loss, against = np.ma.masked_invalid(np.asarray(self.losses)).mean(0).filled(np.nan)
        self.losses.clear()
        progress = Progress(self.part, step, self.steps, float(loss), float(against))
        if self.validate and (last or step % VALIDATION_STEPS == 0):
            ahead = self.validate(averaged(held, state))
            progress = replace(progress, ahead_auroc=ahead.auroc, ahead_ap10=ahead.ap10)
        self.report(progress)
        self.checkpoint.save(self.part, step, state)


def averaged(held: Parameters, state: State) -> Parameters:
    """The running averages of what is trained, beside what is held still."""
    return {**held, **{name: np.asarray(value) for name, value in state[1].items()}}
