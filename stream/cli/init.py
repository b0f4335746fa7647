"""`onsight init`: a profile proposed from a sample of someone's own events."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    help="JSON lines (gzipped too) or Parquet.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the profile there instead of printing it."
)
@click.option("--name", help="Name of the profile; from the file's name if not given.")
@click.option(
    "--events", default=20_000, show_default=True, type=click.IntRange(2), help="Size of the sample."
)
@click.option("--force", is_flag=True, help="Overwrite --output if it exists.")
def command(source: Path, output: Path | None, name: str | None, events: int, force: bool) -> None:
    """Propose a profile from a sample of your own events.

    Guesses which field is the entity (who acts), which is the time, and which fields are features, and says
    why in a comment on each line. It is a start: read it, change what you know better, then check it.

    \b
    Example:
      onsight init --input payments.jsonl --output payments.yaml
      onsight check --profile payments.yaml --input payments.jsonl
    """
    from stream.errors import InputError
    from stream.files import read_records
    from stream.profile_text import to_yaml
    from stream.propose import propose

    proposal = propose(list(read_records(source, events)))
    text = to_yaml(proposal, name or source.name.partition(".")[0] or "profile", source.name)
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise InputError(f"{output} exists: give another --output, or --force to overwrite it")
    output.write_text(text, "utf-8")
    click.echo(f"{output} written. Next: onsight check --profile {output} --input {source}", err=True)
