"""What a bench says: progress on standard error, one JSON object as the last line of standard output."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

console = Console(stderr=True)


def say(text: str) -> None:
    console.print(text, highlight=False)


def finish(result: dict[str, object]) -> None:
    """Print the result; the last thing that a bench does."""
    click.echo(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode())


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """The median of repeated measurements with the smallest and the largest."""
    parts = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in parts.items()}


class Bar:
    """A progress bar to a known total."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def at(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


@contextmanager
def bar(text: str, total: int) -> Iterator[Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task(text, total=total))
