"""`onsight models`: which model is live, how the one in its shadow does, and the change from one to the other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stream.cli.options import settings_option

if TYPE_CHECKING:
    from stream.model_log import ModelLog, Published, Roles
    from stream.settings import Settings
    from stream.trial_report import Agreement

Command = Callable[..., Any]
SHOWN = 10  # entities of a kind, without --json


def options(command: Command) -> Command:
    """Those that every command here has."""
    for option in (
        click.option("--profile", help="Built-in profile or YAML file.  [setting: profile]"),
        click.option("--kafka", help="Bootstrap servers.  [setting: kafka]"),
        settings_option,
        click.option("--json", "as_json", is_flag=True, help="One JSON object."),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Show and change the models that running workers of a profile use.

    Models come by `onsight-export publish`. Workers take a change up between two batches, without a restart.

    \b
    Example:
      onsight-export publish /tmp/model --profile card --shadow
      onsight models report --profile card
      onsight models promote --profile card
    """


@command.command()
@options
def status(profile: str | None, kafka: str | None, file: Path | None, as_json: bool) -> None:
    """Show which model is live, which is on trial, and which was live before."""
    _, log = _read(file, kafka, profile)
    _show(log.roles, as_json)


@command.command()
@options
def promote(profile: str | None, kafka: str | None, file: Path | None, as_json: bool) -> None:
    """Make the shadow live. Its alerts are judged by what its scores were in the trial."""
    _change(file, kafka, profile, as_json, lambda roles: roles.promote())


@command.command()
@options
def rollback(profile: str | None, kafka: str | None, file: Path | None, as_json: bool) -> None:
    """Make the previous model live again; a second rollback undoes the first."""
    _change(file, kafka, profile, as_json, lambda roles: roles.rollback())


@command.command()
@options
def withdraw(profile: str | None, kafka: str | None, file: Path | None, as_json: bool) -> None:
    """End the trial of the shadow; the live model stays."""
    _change(file, kafka, profile, as_json, lambda roles: roles.withdraw())


@command.command()
@options
def report(profile: str | None, kafka: str | None, file: Path | None, as_json: bool) -> None:
    """Compare the shadow with the live model: the alerts that it would add and drop, on whom, and how right they are.

    Precision is that of alerts with a verdict. Workers write what they saw every few seconds.
    """
    import orjson

    from stream.errors import InputError
    from stream.job.newest import exists, newest
    from stream.job.verdict_clients import all_verdicts
    from stream.trial_report import agreement

    settings, log = _read(file, kafka, profile)
    shadow = log.roles.shadow
    if shadow is None:
        raise InputError(
            f"no model is on trial for profile {log.profile!r}; `onsight-export publish --shadow` starts a trial"
        )
    latest: dict[bytes | None, bytes | None] = {}
    trials = f"{settings.application_id}-trials"  # workers make it with their first report
    for run in newest(settings, trials) if exists(settings, trials) else ():
        latest |= dict(zip(run.keys, run.values, strict=True))
    verdicts = (heard.verdict for heard in all_verdicts(settings))
    found = agreement(shadow.digest, filter(None, latest.values()), verdicts)
    if found is None:
        raise InputError(
            "no worker has reported on this trial yet; they do within seconds of the first events"
        )
    if as_json:
        click.echo(orjson.dumps(found.as_json()))
    else:
        _print(found)


def _read(file: Path | None, kafka: str | None, profile: str | None) -> "tuple[Settings, ModelLog]":
    from stream.job.model_topic import read_log
    from stream.profile import load
    from stream.settings import load_settings

    settings = load_settings(file, kafka=kafka, profile=profile)
    return settings, read_log(settings, load(settings.profile).name)


def _change(
    file: Path | None,
    kafka: str | None,
    profile: str | None,
    as_json: bool,
    change: "Callable[[Roles], Roles]",
) -> None:
    from stream.job.model_topic import change_roles

    settings, log = _read(file, kafka, profile)
    roles = change(log.roles)
    change_roles(settings, log, roles)
    _show(roles, as_json)


def _show(roles: "Roles", as_json: bool) -> None:
    import orjson

    named = {"live": roles.live, "shadow": roles.shadow, "previous": roles.previous}
    if as_json:
        click.echo(orjson.dumps({role: model and _told(model) for role, model in named.items()}))
        return
    for role, model in named.items():
        absent = "none" if role == "shadow" else "the workers' own artifact"
        text = f"{model.name} {model.version}  {model.digest}" if model else absent
        click.echo(f"{role:<9} {text}")


def _told(model: "Published") -> dict[str, str]:
    return {"digest": model.digest, "name": model.name, "version": model.version}


def _print(found: "Agreement") -> None:
    click.echo(f"live    {found.live}\nshadow  {found.shadow}")
    click.echo(f"{found.events:,} events of {found.partitions} partitions were scored by both")
    click.echo(f"{found.both} alerts of both, {found.added} added by the shadow, {found.dropped} dropped")
    for kind, entities in found.entities.items():
        most = [f"{entity} ({count})" for entity, count in list(entities.items())[:SHOWN]]
        rest = f" and {len(entities) - SHOWN} more" if len(entities) > SHOWN else ""
        if most:
            click.echo(f"{kind}: {', '.join(most)}{rest}")
    for name, judged in (("live", found.judged_live), ("shadow", found.judged_shadow)):
        count = judged.confirmed + judged.dismissed
        known = (
            f"{judged.precision:.0%} of {count} judged alerts" if judged.precision is not None else "unknown"
        )
        click.echo(f"precision of the {name} model: {known}")
