"""`onsight demo`: the whole path at work, with known frauds to find."""

import click


@click.command()
@click.option("--seed", default=7, show_default=True, help="The same seed plays the same stream.")
@click.option("--cards", default=2000, show_default=True, type=click.IntRange(20), help="Card holders.")
@click.option("--days", default=45.0, show_default=True, type=click.FloatRange(2), help="Of event time.")
@click.option("--fast", is_flag=True, help="As fast as the broker takes the events.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object; progress on stderr.")
def command(seed: int, cards: int, days: float, fast: bool, as_json: bool) -> None:
    """Find known frauds in simulated card transactions, live, in under two minutes.

    Starts a throw-away Apache Kafka, or uses the brokers of ONSIGHT_KAFKA with topics of its own; starts a worker;
    plays the transactions; shows the alerts and their reasons as they come; tells what was caught, what was not and
    why. Leaves nothing behind. Exit status 1 if the worker fails or not every event is scored.

    \b
    Example:
      onsight demo --seed 8
    """
    import signal
    import sys

    from rich.console import Console

    from stream.sandbox.demo import Options, run
    from stream.sandbox.demo_report import report
    from stream.sandbox.demo_view import view

    # Like Ctrl-C: an exception, on which everything is stopped and removed.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    console = Console(stderr=as_json)
    with view(console) as show:
        summary = run(Options(seed, cards, days, fast), show)
    if as_json:
        import orjson

        click.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    else:
        report(summary, console)
