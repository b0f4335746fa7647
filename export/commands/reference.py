"""`onsight-export reference`: tell an artifact how a stream usually is, for drift to be held against."""

from pathlib import Path

import click

from export.commands.options import signing_key_option
from stream.cli.options import max_keys_option


@click.command("reference", short_help="Write into an artifact how a stream usually is, for drift.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--profile", "name", required=True, help="Built-in profile or YAML file of the stream.")
@click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Events of usual days: JSON lines (gzipped too) or Parquet, in the order of their times.",
)
@click.option(
    "--partitions",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Partitions of the topic: rates and peers are counted in each.",
)
@max_keys_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new artifact's folder.")
@signing_key_option
def command(
    artifact: Path, name: str, source: Path, partitions: int, max_keys: int, out: Path, key: Path
) -> None:
    """Write a copy of the ARTIFACT folder whose manifest says how this profile's features and the model's scores are
    distributed in a file of events. A worker with it holds its stream against that from the first event on.

    ARTIFACT must be signed by --key or by a key that onsight trusts. The reference of another profile that it has is
    kept, one of the same profile replaced. What the profile masks is left out: a manifest is for everybody to read.
    A stream whose windows are still filling is not yet as usual, and may well drift by that.

    \b
    Example:
      onsight-export reference "$(onsight artifact)" --profile card --input may.parquet --partitions 12 --out with-may
      onsight-export publish with-may --profile card --key ~/.config/onsight/keys/public.pem
    """
    from dataclasses import replace

    from export.package import read_private_key, write_signed
    from export.reference import make_reference
    from stream.artifact import GOLDEN, MODEL, open_artifact, read_folder, trusted_keys
    from stream.events import Decoder
    from stream.files import read_events
    from stream.profile import load
    from stream.scorer import Scorer

    profile, private = load(name), read_private_key(key.expanduser())
    files = read_folder(artifact)
    opened = open_artifact(files, str(artifact), trusted=[*trusted_keys(), private.public_key()])
    bare = replace(opened, manifest=replace(opened.manifest, drift={}))
    scorer = Scorer.for_profile(bare, profile)
    batches = (batch for batch, _ in read_events(source, Decoder(profile), 8192))
    reference = make_reference(profile, scorer, batches, partitions, max_keys)
    drift = {**opened.manifest.drift, profile.name: reference.model_dump()}
    content = {file: files[file] for file in (MODEL, GOLDEN)}
    write_signed(out, replace(opened.manifest, drift=drift), content, private)
    click.echo(out)
