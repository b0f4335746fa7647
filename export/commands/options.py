"""Options that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEYS = Path("~/.config/onsight/keys")

signing_key_option = click.option(
    "--key",
    type=click.Path(path_type=Path),
    default=KEYS / "private.pem",
    show_default=True,
    help="The private key that signs.",
)
trusted_key_option = click.option(
    "--key", type=click.Path(path_type=Path), help="Trust this public key instead of the package's own."
)


def trusted_by(key: Path | None) -> "list[Ed25519PublicKey] | None":
    """The keys to trust: that of --key, or, as None says, the package's own. Raises SignatureError."""
    from stream.artifact import read_public_key

    return None if key is None else [read_public_key(key)]
