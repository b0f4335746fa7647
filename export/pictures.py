"""Pictures of training and of comparisons, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from export.progress import Progress

SIZE = (17, 4)


def draw_curves(entries: "Sequence[Progress]", beside: Mapping[str, str], path: Path) -> None:
    """Loss by step, each part of the training `beside` what it is measured against; and the validation by step."""
    from matplotlib.figure import Figure

    figure = Figure(SIZE, layout="constrained")
    *losses, validated = figure.subplots(1, len(beside) + 1)
    for axis, (part, other) in zip(losses, beside.items(), strict=True):
        chosen = [entry for entry in entries if entry.part == part]
        steps = [entry.step for entry in chosen]
        axis.plot(steps, [entry.loss for entry in chosen], label="onsight")
        axis.plot(steps, [entry.against for entry in chosen], label=other)
        axis.set(title=part, xlabel="step", ylabel="ranking loss of the training batches")
        axis.legend()
    known = [entry for entry in entries if not np.isnan(entry.ahead_auroc)]
    steps = [entry.step for entry in known]
    validated.plot(steps, [entry.ahead_auroc for entry in known], marker=".", label="AUROC")
    validated.plot(steps, [entry.ahead_ap10 for entry in known], marker=".", label="AP at 10 %")
    validated.axhline(0, linewidth=0.8, color="grey")
    validated.set(title="development sets", xlabel="step", ylabel="above nearest neighbours")
    validated.legend()
    figure.savefig(path, dpi=110)


def draw_comparison(auroc: Mapping[str, np.ndarray], path: Path, rows: int) -> None:
    """Our AUROC against each rival's, a point for each set: above the line, ours is better."""
    from matplotlib.figure import Figure

    rivals = [name for name in auroc if name != "onsight"]
    figure = Figure((3.2 * len(rivals), 3.4), layout="constrained")
    for axis, rival in zip(np.atleast_1d(figure.subplots(1, len(rivals))), rivals, strict=True):
        axis.scatter(auroc[rival], auroc["onsight"], s=8)
        axis.plot([0, 1], [0, 1], linewidth=0.8, color="grey")
        axis.set(xlabel=rival, ylabel="onsight", title=f"AUROC, {rows} rows", aspect="equal")
    figure.savefig(path, dpi=110)
