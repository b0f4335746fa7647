"""The show: a live picture on a terminal, plain lines of text elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stream.sandbox.demo import View
from stream.sandbox.watch import Progress, Seen

NEWEST = 6  # alerts shown
LINE_SECONDS = 5.0  # between plain lines
COLOURS = {"medium": "yellow", "high": "orange1", "critical": "red"}


@contextmanager
def view(console: Console) -> Iterator[View]:
    """What fits where the console writes to."""
    if not console.is_terminal:
        yield Lines(console)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield Picture(live)


class Lines:
    """A line every few seconds, without control codes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        facts = ", ".join(f"{name} {value}" for name, value in figures(progress))
        newest = f"; newest: {sentence(progress.alerts[-1])}" if progress.alerts else ""
        self.say(facts + newest)


class Picture:
    """Figures, a bar and the newest alerts, drawn again and again at the same place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def say(self, text: str) -> None:
        self._live.console.print(Text(text, "dim"))

    def show(self, progress: Progress) -> None:
        numbers = Table.grid(padding=(0, 3))
        for _ in figures(progress):
            numbers.add_column(justify="right")
        numbers.add_row(*(Text(value, "bold") for _, value in figures(progress)))
        numbers.add_row(*(Text(name, "dim") for name, _ in figures(progress)))
        bar = ProgressBar(total=progress.total, completed=progress.scored)
        newest = map(card, reversed(progress.alerts[-NEWEST:]))
        self._live.update(Panel(Group(numbers, bar, *newest), title="onsight", box=box.ROUNDED))


def figures(progress: Progress) -> list[tuple[str, str]]:
    """Names and values of what is measured."""
    latency = progress.latency_ms()
    return [
        ("events", f"{progress.scored:,} of {progress.total:,}"),
        ("events/s", f"{progress.rate:,.0f}"),
        ("lag", f"{progress.lag:,}"),
        ("alerts", f"{len(progress.alerts):,}"),
        ("latency p50", f"{latency[0]:.0f} ms" if latency else "-"),
        ("latency p99", f"{latency[1]:.0f} ms" if latency else "-"),
    ]


def card(seen: Seen) -> Text:
    """An alert in two lines or more: when, how severe, whose, and why."""
    body = seen.body
    lines = Text(f"\n{moment(seen)}  ", no_wrap=True, overflow="ellipsis")
    lines.append(f"{body['severity'].upper():<8}", COLOURS.get(body["severity"], "bold"))
    lines.append(f"  {body['entity']}", "bold")
    for reason in body["reasons"][:2]:
        lines.append(f"\n    {reason['text']}")
    return lines


def sentence(seen: Seen) -> str:
    """An alert in one line."""
    why = "; ".join(reason["text"] for reason in seen.body["reasons"])
    return f"{moment(seen)} {seen.body['severity']} {seen.body['entity']}: {why}"


def moment(seen: Seen) -> str:
    """When the event happened, to the minute."""
    return str(seen.body["time"])[:16].replace("T", " ")
