"""Meta-training: the zero-shot part first, what only categories use of it once more, then the part for labels, each
with the rest held still.

A run is a number of steps, not of seconds, and each step draws its tasks from the seed and its own number; so
the same seed gives the same parameters, also when a run was stopped and taken up again.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np
import optax

from export.checkpoint import Checkpoint
from export.loss import Weights, label_loss, zero_shot_loss
from export.meta.apply import window_statistics
from export.meta.categories import used_by_categories, zero_without_categories
from export.meta.ops import Array
from export.meta.parameters import FIXED, LABEL_PREFIXES, SIZES, Parameters, initial, settled
from export.progress import Report, State, Told, Validate, averaged
from export.tasks.batches import Batch, draw_batch
from export.tasks.contexts import Layout, Replayed
from export.tasks.sets import Table, TaskSet
from export.tasks.variants import Recipe

LAYOUTS = (
    Layout(),
    Layout(),
    Layout(groups=4, rows=32, peers=128),
)
LABEL_LAYOUTS = (Layout(contexts=2), Layout(groups=2, contexts=2, rows=16, peers=256))
WARM_UP = 0.02  # share of the steps in which the rate rises
STEPS_A_MINUTE = 1500  # of the nominal machine with two cores
CATEGORY_SHARE = 0.25  # of the zero-shot part's steps
LABEL_SHARE, LABEL_RATE = 0.05, 0.02  # of the zero-shot part's: what labels say needs little training
PREFETCH = 4
STANDARD_BATCHES = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run depends on beside the sets."""

    size: str = "small"
    seed: int = 1
    steps: int = 15_000
    category_steps: int = 3_750
    label_steps: int = 5_000
    rate: float = 4e-3
    decay: float = 0.02
    noise: float = 0.3
    averaging: float = 0.999
    recipe: Recipe = field(default_factory=Recipe)
    weights: Weights = field(default_factory=Weights)

    @classmethod
    def for_minutes(cls, minutes: float, size: str, seed: int) -> "Plan":
        """With as many steps as the nominal machine takes in so many minutes."""
        steps = max(1, round(minutes * STEPS_A_MINUTE))
        return cls(
            size=size,
            seed=seed,
            steps=steps,
            category_steps=round(steps * CATEGORY_SHARE),
            label_steps=max(1, round(steps * LABEL_SHARE)),
        )


Tasks = Callable[..., Batch]  # `draw_batch` with what it draws from


def train(
    plan: Plan,
    sets: Sequence[TaskSet],
    checkpoint: Checkpoint,
    report: Report,
    *,
    tables: Sequence[Table] = (),
    validate: Validate | None = None,
    start: Parameters | None = None,
    replays: Sequence[Replayed] = (),
) -> Parameters:
    """Train, or go on from what `checkpoint` holds; returns the averaged parameters.

    tables:  what some of the real tasks are sliced from, in place of `sets`
    validate: measures the averaged parameters now and then, for the reports
    start:   the parameters of a trained model to go on from, in place of drawn ones
    replays: what some of the tasks are replayed from, in place of `sets` and the priors
    """
    parameters = settled(start or initial(SIZES[plan.size], plan.seed), 0.0)
    if start is None:
        parameters |= _context_scale(parameters, partial(draw_batch, sets, tables=tables), plan)
    tasks = partial(draw_batch, sets, tables=tables, replays=replays)
    of_labels = {name for name in parameters if name.startswith(LABEL_PREFIXES)}

    def told(phase: _Phase) -> Told:
        return Told(phase.part, phase.steps, checkpoint, report, validate if phase is zero_shot else None)

    zero_shot = _Phase("zero-shot", plan, plan.recipe, plan.steps, LAYOUTS, draws=0)
    trained = parameters.keys() - of_labels - set(FIXED)
    parameters = zero_without_categories(zero_shot.run(parameters, trained, {}, tasks, told(zero_shot)))
    masks, recipe = used_by_categories(parameters), replace(plan.recipe, categories=1.0)
    categories = _Phase("categories", plan, recipe, plan.category_steps, LAYOUTS, draws=3)
    parameters = categories.run(parameters, masks.keys(), masks, tasks, told(categories))
    labels = _Phase("labels", plan, plan.recipe, plan.label_steps, LABEL_LAYOUTS, draws=1)
    return labels.run(settled(parameters, 1.0), of_labels, {}, tasks, told(labels))


@dataclass(frozen=True, slots=True)
class _Phase:
    part: str
    plan: Plan
    recipe: Recipe
    steps: int
    layouts: tuple[Layout, ...]
    draws: int  # which stream of random numbers its tasks are drawn from; 2 is for the contexts' scale

    @property
    def labels(self) -> bool:
        return self.part == "labels"

    @property
    def rate(self) -> float:
        return self.plan.rate * (LABEL_RATE if self.labels else 1.0)

    def run(
        self,
        parameters: Parameters,
        trained: Set[str],
        masks: Parameters,
        tasks: Tasks,
        told: Told,
    ) -> Parameters:
        """Train the parameters named in `trained`, of those in `masks` the entries that are 1 there.

        All parameters come back, the trained ones as running averages.
        """
        held = {name: value for name, value in parameters.items() if name not in trained}
        current: dict[str, Array] = {name: jnp.asarray(parameters[name]) for name in sorted(trained)}
        state: State = (
            current,
            current,
            _optimiser(self.rate, self.plan.decay, self.steps).init(current),
        )
        start, state = told.checkpoint.load(self.part, state)
        for number, batch in self._batches(tasks, start):
            layout = self.layouts[number % len(self.layouts)]
            state, losses = _step(state, held, masks, number, batch, layout, self)
            told.on_step(number + 1, losses, held, state)
        found = averaged(held, state)
        return found | {name: np.where(mask, found[name], parameters[name]) for name, mask in masks.items()}

    def _batches(self, tasks: Tasks, start: int) -> Iterator[tuple[int, Batch]]:
        """Batches from step `start` on, drawn a few ahead."""

        def draw(number: int) -> Batch:
            rng = np.random.default_rng([self.plan.seed, self.draws, number])
            layout = self.layouts[number % len(self.layouts)]
            return tasks(layout, self.recipe, rng, labels=self.labels)

        with ThreadPoolExecutor(1) as pool:
            numbers = range(start, self.steps)
            waiting = [pool.submit(draw, number) for number in numbers[:PREFETCH]]
            for number, ahead in zip(numbers, count(start + PREFETCH)):
                yield number, waiting.pop(0).result()
                if ahead < self.steps:
                    waiting.append(pool.submit(draw, ahead))


def _optimiser(rate: float, decay: float, steps: int) -> optax.GradientTransformation:
    """Adam with a rising, then falling rate and decaying matrices; steps that are no numbers change nothing."""

    def matrices(parameters: dict[str, Array]) -> dict[str, bool]:
        return {name: value.ndim > 1 for name, value in parameters.items()}

    rates = optax.warmup_cosine_decay_schedule(0.0, rate, max(1, round(steps * WARM_UP)), max(steps, 2))
    adam = optax.adamw(rates, weight_decay=decay, mask=matrices)
    return optax.chain(optax.zero_nans(), optax.clip_by_global_norm(1.0), adam)


@partial(jax.jit, static_argnames=("layout", "phase"))
def _step(
    state: State,
    held: dict[str, Array],
    masks: dict[str, Array],
    number: Array,
    batch: Batch,
    layout: Layout,
    phase: _Phase,
) -> tuple[State, Array]:
    """One step of a phase: the new state, and the model's and the baseline's ranking loss [2]."""
    current, average, moments = state
    plan = phase.plan
    key = jax.random.fold_in(jax.random.PRNGKey(plan.seed), number)
    noise = 0.0 if phase.labels else plan.noise
    shape = (batch.window.shape[0], *held["context_mean"].shape)
    blurred = held["context_mean"] + held["context_spread"] * noise * jax.random.normal(key, shape)
    loss = label_loss if phase.labels else zero_shot_loss

    def objective(trained: dict[str, Array]) -> tuple[Array, Array]:
        return loss({**held, **trained, "context_mean": blurred}, batch, layout, plan.weights)

    def masked(values: dict[str, Array]) -> dict[str, Array]:
        return {name: value * masks[name] if name in masks else value for name, value in values.items()}

    (_, losses), slope = jax.value_and_grad(objective, has_aux=True)(current)
    updates, moments = _optimiser(phase.rate, plan.decay, phase.steps).update(masked(slope), moments, current)
    current = optax.apply_updates(current, masked(updates))
    keep = jnp.minimum(plan.averaging, (number + 1.0) / (number + 10.0))
    average = jax.tree.map(lambda old, new: old * keep + new * (1 - keep), average, current)
    return (current, average, moments), losses


def _context_scale(parameters: Parameters, tasks: Tasks, plan: Plan) -> Parameters:
    """Mean and spread of the contexts' statistics over some batches."""
    seen = []
    apply = jax.jit(window_statistics)
    for number in range(STANDARD_BATCHES):
        batch = tasks(LAYOUTS[0], plan.recipe, np.random.default_rng([plan.seed, 2, number]))
        seen.append(np.asarray(apply(parameters, batch)))
    rows = np.concatenate(seen)
    rows = rows[np.isfinite(rows).all(1)]
    return {"context_mean": rows.mean(0), "context_spread": rows.std(0) + np.float32(0.05)}
