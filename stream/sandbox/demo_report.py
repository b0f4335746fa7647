"""The demo's summary in words and tables."""

from rich import box
from rich.console import Console
from rich.table import Table

from stream.sandbox.summary import Kind, Score, Summary

NEXT = """\
Next, with events of your own (JSON lines, or a topic):
  onsight init --input events.jsonl --output mine.yaml
  onsight check --profile mine.yaml --input events.jsonl
  onsight worker --profile mine.yaml --kafka broker:9092 --input-topic events"""


def report(summary: Summary, console: Console) -> None:
    """Print what came of a demo."""
    own = summary.review.methods[0]
    console.print(
        f"\n{summary.events:,} events of {summary.cards:,} cards over {summary.days:g} days, all scored, in "
        f"{summary.seconds:.0f} s. {own.alerts:,} alerts (budget: {summary.review.alerts_per_day:g} a day), "
        f"{own.false_alerts:,} of them false.",
        highlight=False,
        soft_wrap=True,
    )
    if summary.latency_ms:
        p50, p99 = summary.latency_ms
        console.print(
            f"From an event to its alert: p50 {p50:.0f} ms, p99 {p99:.0f} ms.",
            highlight=False,
            soft_wrap=True,
        )
    console.print(_kinds(summary.review.kinds))
    console.print(_methods(summary.review.methods))
    console.print(
        "onsight chose live, in the worker, and with its other model once more in this process. The others choose "
        "their alerts at the end, with the whole stream before them.",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )
    if summary.review.differing:
        console.print(
            f"The same detector in this process differs from the worker in {summary.review.differing:,} alerts: "
            "that should not be, please report it.",
            style="red",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"\n{NEXT}", highlight=False, soft_wrap=True)


def _kinds(kinds: tuple[Kind, ...]) -> Table:
    table = _table("Planted frauds")
    table.add_column("kind", no_wrap=True)
    for name in ("events", "cards", "caught"):
        table.add_column(name, justify="right")
    table.add_column("not caught, and why")
    for kind in kinds:
        why = "\n".join(f"{count}: {reason}" for reason, count in kind.missed.items())
        table.add_row(kind.kind, str(kind.events), str(kind.cases), str(kind.caught), why or "-")
    return table


def _methods(methods: tuple[Score, ...]) -> Table:
    table = _table("Caught with the same budget of alerts")
    table.add_column("method", no_wrap=True)
    for name in (*methods[0].by_kind, "all"):
        table.add_column(name, justify="right")
    table.add_column("false alerts", justify="right")
    for method in methods:
        counts = map(str, (*method.by_kind.values(), method.caught, method.false_alerts))
        table.add_row(method.method, *counts, style="bold" if method is methods[0] else "")
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
