"""`onsight-export reference`: tell an artifact how a stream usually is, for drift to be held against."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from export.commands.options import signing_key_option
from stream.cli.options import max_keys_option

if TYPE_CHECKING:
    from stream.drift_reference import Reference
    from stream.events import EventBatch
    from stream.profile import Profile
    from stream.scorer import Scorer


@click.command("reference", short_help="Write into an artifact how a stream usually is, for drift.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--profile", "name", required=True, help="Built-in profile or YAML file of the stream.")
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Events of usual days: JSON lines (gzipped too) or Parquet, in the order of their times.",
)
@click.option(
    "--store",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Or an experience store of usual days, as `collect` keeps it.",
)
@click.option(
    "--partitions",
    type=click.IntRange(1),
    help="Partitions of the topic that --input fills: rates and peers are counted in each.  [default: 1]",
)
@max_keys_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new artifact's folder.")
@signing_key_option
def command(
    artifact: Path,
    name: str,
    source: Path | None,
    store: Path | None,
    partitions: int | None,
    max_keys: int,
    out: Path,
    key: Path,
) -> None:
    """Write a copy of the ARTIFACT folder whose manifest says how this profile's features and the model's scores are
    distributed, in a file of events or in an experience store. A worker with it holds its stream against that from
    the first event on.

    ARTIFACT must be signed by --key or by a key that onsight trusts. The reference of another profile that it has is
    kept, one of the same profile replaced. What the profile masks is left out: a manifest is for everybody to read.
    A stream whose windows are still filling is not yet as usual, and may well drift by that.

    \b
    Examples:
      onsight-export reference "$(onsight artifact)" --profile card --input may.parquet --partitions 12 --out with-may
      onsight-export reference my-model --profile card --store experience --out my-model-for-cards
      onsight-export publish with-may --profile card --key ~/.config/onsight/keys/public.pem
    """
    from dataclasses import replace

    from export.package import read_private_key, write_signed
    from stream.artifact import GOLDEN, MODEL, open_artifact, read_folder, trusted_keys
    from stream.profile import load
    from stream.scorer import Scorer

    profile, private = load(name), read_private_key(key.expanduser())
    files = read_folder(artifact)
    opened = open_artifact(files, str(artifact), trusted=[*trusted_keys(), private.public_key()])
    bare = replace(opened, manifest=replace(opened.manifest, drift={}))
    scorer = Scorer.for_profile(bare, profile)
    if source and not store:
        reference = _of_file(source, profile, scorer, partitions or 1, max_keys)
    elif store and not (source or partitions):
        reference = _of_store(store, profile, scorer, max_keys)
    else:
        raise click.UsageError("expected either --input, and with it --partitions, or --store")
    drift = {**opened.manifest.drift, profile.name: reference.model_dump()}
    content = {file: files[file] for file in (MODEL, GOLDEN)}
    write_signed(out, replace(opened.manifest, drift=drift), content, private)
    click.echo(out)


def _of_store(store: Path, profile: "Profile", scorer: "Scorer", max_keys: int) -> "Reference":
    from export.experience.content import read_content
    from export.reference import reference_of_store
    from stream.cli.progress import progress

    rows = sum(file.rows for file in read_content(store).files if file.kind == "events")
    with progress(rows, shown=True) as advance:
        return reference_of_store(profile, scorer, store, max_keys, advance)


def _of_file(
    source: Path, profile: "Profile", scorer: "Scorer", partitions: int, max_keys: int
) -> "Reference":
    from export.reference import make_reference
    from stream.cli.progress import progress
    from stream.events import Decoder
    from stream.files import read, read_events

    with progress(sum(map(len, read(source, ()))), shown=True) as advance:

        def batches() -> "Iterator[EventBatch]":
            for batch, rejects in read_events(source, Decoder(profile), 8192):
                yield batch
                advance(len(batch) + len(rejects))

        return make_reference(profile, scorer, batches(), partitions, max_keys)
