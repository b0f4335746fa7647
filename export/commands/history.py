"""The progress of a training: shown as it comes, and kept as CSV and as a picture, over stops and further runs."""

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.pictures import draw_curves
from export.progress import Progress as Entry
from export.train import Plan

BESIDE = {"zero-shot": "kNN", "categories": "kNN", "labels": "without labels"}


class History:
    """The curves of one run in `folder`; what is there already is of the same run before it was stopped."""

    def __init__(self, plan: Plan, folder: Path, console: Console) -> None:
        self._path = folder / "curves.csv"
        self._entries = {(entry.part, entry.step): entry for entry in _read(self._path)}
        self._console = console
        if not console.is_terminal:
            self._say(f"seed {plan.seed}: {plan.steps} steps, the first after a minute of compiling")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        steps = {"zero-shot": plan.steps, "categories": plan.category_steps, "labels": plan.label_steps}
        self._tasks = {part: self.bars.add_task(f"{part}  compiling", total=steps[part]) for part in steps}
        for entry in self._entries.values():
            self._show(entry)

    def add(self, entry: Entry) -> None:
        """Show an entry and keep it."""
        self._entries[entry.part, entry.step] = entry
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("w", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(field.name for field in fields(Entry))
            lines.writerows(map(astuple, self._entries.values()))
        self._show(entry)
        if not self._console.is_terminal:
            self._say(f"step {entry.step} of {entry.steps}: {_words(entry)}")

    def _show(self, entry: Entry) -> None:
        self.bars.update(self._tasks[entry.part], completed=entry.step, description=_words(entry))

    def draw(self) -> None:
        """Draw the curves so far."""
        if self._entries:
            path = self._path.with_suffix(".png")
            draw_curves(list(self._entries.values()), BESIDE, path)
            self._say(f"curves: {path}")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


@contextmanager
def history_of(plan: Plan, folder: Path) -> Iterator[History]:
    """Shown while the `with` lasts, and drawn however it ends."""
    history = History(plan, folder, Console(stderr=True))
    try:
        with history.bars:
            yield history
    finally:
        history.draw()


def _words(entry: Entry) -> str:
    words = f"{entry.part}  loss {entry.loss:.4f}  ({BESIDE[entry.part]} {entry.against:.4f})"
    if math.isnan(entry.ahead_auroc):
        return words
    return f"{words}  development: AUROC {entry.ahead_auroc:+.4f}, AP {entry.ahead_ap10:+.4f} above kNN"


def _read(path: Path) -> Iterator[Entry]:
    if path.exists():
        with path.open(newline="") as file:
            for row in islice(csv.reader(file), 1, None):
                part, step, steps, *figures = row
                yield Entry(part, int(step), int(steps), *map(float, figures))
