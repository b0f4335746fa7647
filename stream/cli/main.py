"""`onsight`: the group of all commands, and how an error reaches the terminal."""

import importlib
import sys

import click

from stream.errors import OnsightError

COMMANDS = (
    "artifact",
    "broker",
    "check",
    "demo",
    "init",
    "models",
    "produce",
    "replay",
    "settings",
    "status",
    "tail",
    "topics",
    "verdict",
    "verdicts",
    "worker",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="onsight")
def cli() -> None:
    """Zero-shot anomaly detection on Kafka streams.

    New here?  `onsight demo` shows the whole path on a throw-away broker.
    Your own topic:  `onsight init`  ->  `onsight check`  ->  `onsight worker`.
    """


for name in COMMANDS:
    cli.add_command(importlib.import_module(f"stream.cli.{name}").command, name)


def main() -> None:
    """Run the command line; an `OnsightError` becomes one readable message and exit status 1."""
    try:
        cli()
    except OnsightError as error:
        click.secho(f"onsight: {error}", fg="red", err=True)
        sys.exit(1)
