"""`onsight-export publish`: put a signed artifact on the models topic, for workers to take up as they run."""

from pathlib import Path

import click

from export.commands.options import trusted_by, trusted_key_option
from stream.cli.options import settings_option


@click.command("publish", short_help="Put a signed artifact on the models topic.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--profile", help="Built-in profile or YAML file whose workers are meant.  [setting: profile]")
@click.option("--shadow", is_flag=True, help="Run it beside the live model; its alerts are not sent.")
@click.option("--kafka", help="Bootstrap servers.  [setting: kafka]")
@settings_option
@trusted_key_option
def command(
    artifact: Path, profile: str | None, shadow: bool, kafka: str | None, file: Path | None, key: Path | None
) -> None:
    """Put the ARTIFACT folder on the models topic: running workers verify it and go over to it between two batches.

    What a worker would refuse is refused here, unless --key names a key that workers don't trust. With --shadow the
    live model stays; `onsight models report` compares the two, `onsight models promote` makes the shadow live.

    \b
    Example:  onsight-export publish /tmp/model --profile card --shadow
    """
    from stream.artifact import open_artifact, read_folder
    from stream.drift_reference import reference_for
    from stream.job.model_topic import change_roles, read_log
    from stream.model_log import describe
    from stream.profile import load
    from stream.settings import load_settings

    settings = load_settings(file, kafka=kafka, profile=profile)
    described = load(settings.profile)
    files = read_folder(artifact)
    opened = open_artifact(files, str(artifact), trusted=trusted_by(key))
    reference_for(described, opened.manifest.drift, opened.source)
    model = describe(opened, files)
    log = read_log(settings, described.name)
    roles = log.roles.try_out(model) if shadow else log.roles.publish(model)
    change_roles(settings, log, roles, log.parts_of(model, files))
    click.echo(f"{model.digest} is {'in the shadow' if shadow else 'live'} for profile {described.name}")
