"""What replay keeps: old tasks after training on new ones, without and with tasks replayed from experience."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.bench.report import bar, finish

if TYPE_CHECKING:
    from export.progress import Progress


@click.command()
@click.option("--steps", default=1200, help="Of each of the three trainings.")
@click.option("--share", default=0.5, help="Of the tasks that are replayed.")
@click.option("--seed", default=1, help="Of the trainings.")
def command(steps: int, share: float, seed: int) -> None:
    """AUROC of old tasks, collected as experience, and of new ones, before and after training on the new ones."""
    from export.train import Plan  # JAX is slow to load, and all benches are
    from tests.forgetting import forgetting

    plan = Plan(seed=seed, steps=steps, category_steps=0, label_steps=0, averaging=0.99)
    with tempfile.TemporaryDirectory() as folder, bar("three trainings", 3 * steps) as progress:
        done = [0, 0]

        def report(now: "Progress") -> None:
            done[:] = (done[0] + now.step - done[1], now.step % steps)
            progress.at(done[0])

        found = forgetting(Path(folder), plan, share, report)
    finish(
        {
            "old_before": round(found.before.old, 4),
            "old_after_without": round(found.without.old, 4),
            "old_after_with": round(found.replayed.old, 4),
            "new_before": round(found.before.new, 4),
            "new_after": round(found.replayed.new, 4),
            "new_after_without": round(found.without.new, 4),
        }
    )
