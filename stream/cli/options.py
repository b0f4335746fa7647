"""Options that several commands have."""

from pathlib import Path

import click

settings_option = click.option(
    "--settings", "file", type=click.Path(path_type=Path), help="YAML or TOML file.  [env: ONSIGHT_SETTINGS]"
)
