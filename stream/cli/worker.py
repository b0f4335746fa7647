"""`onsight worker`: the Faust job."""

from pathlib import Path

import click

from stream.errors import OnsightError
from stream.settings import load_settings


@click.command()
@click.option("--settings", "file", type=click.Path(path_type=Path), help="YAML or TOML file of settings.")
@click.option("--profile", help="Built-in profile or YAML file.  [setting: profile]")
@click.option("--kafka", help="Bootstrap servers.  [setting: kafka]")
@click.option("--input-topic", help="Topic to read events from.  [setting: input_topic]")
@click.option(
    "--instance-id", help="Static group member: a restart keeps its partitions.  [setting: instance_id]"
)
def command(
    file: Path | None,
    profile: str | None,
    kafka: str | None,
    input_topic: str | None,
    instance_id: str | None,
) -> None:
    """Score the events of a topic and emit explained alerts.

    Reads its settings from the environment (ONSIGHT_*) and a file; `onsight settings` lists them all. Start as many
    workers as the topic has partitions: they share them. Ctrl-C or SIGTERM finishes what was read and leaves.

    \b
    Exit status: 0 stopped in order, 69 brokers or topic not there, 70 crashed, 75 nothing moved for too long,
    76 another worker has its place in the group, 78 settings, profile or model are wrong.

    \b
    Example:
      onsight topics create
      onsight worker --profile card --instance-id worker-1
    """
    from stream.job.logs import configure
    from stream.job.run import refuse, run

    try:
        settings = load_settings(
            file, profile=profile, kafka=kafka, input_topic=input_topic, instance_id=instance_id
        )
    except OnsightError as error:
        configure("auto", "info")
        refuse(error)
    run(settings)
