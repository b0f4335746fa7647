"""Options that several commands have."""

from pathlib import Path

import click

settings_option = click.option(
    "--settings", "file", type=click.Path(path_type=Path), help="YAML or TOML file.  [env: ONSIGHT_SETTINGS]"
)
input_option = click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines (gzipped too) or Parquet.",
)
max_keys_option = click.option(
    "--max-keys",
    default=100_000,
    show_default=True,
    type=click.IntRange(1),
    help="Entities remembered per partition.",
)
