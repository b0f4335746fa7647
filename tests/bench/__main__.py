"""`python -m tests.bench` lists the benches, `python -m tests.bench NAME [options]` runs one."""

import importlib

import click

EVENT_PATH = (
    "throughput",
    "latency",
    "crash",
    "hostile",
    "replay",
    "changelog",
    "memory",
    "reload",
    "verdicts",
)
MODEL = ("quality", "pooled", "labels", "attacks", "entities", "card", "model-speed", "replay-memory")
BENCHES = (*EVENT_PATH, *MODEL)


@click.group(invoke_without_command=True, context_settings={"show_default": True})
@click.pass_context
def benches(context: click.Context) -> None:
    """Benches of the event path, on a broker that each starts itself (or that of ONSIGHT_KAFKA), and of the model."""
    if context.invoked_subcommand is None:
        for name, command in benches.commands.items():
            click.echo(f"make bench B={name:<12}{command.get_short_help_str(limit=100)}")


for name in BENCHES:
    module = importlib.import_module(f"tests.bench.{name.replace('-', '_')}")
    benches.add_command(module.command, name)


if __name__ == "__main__":
    benches(prog_name="python -m tests.bench")
