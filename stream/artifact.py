"""A model folder: `manifest.json`, its signature, and the files whose digests it names.

The checks go from who made it to what it says: signature over the manifest, digests of the files, contract
version, the graph's bytes. Inputs, outputs and golden scores need ONNX Runtime, and are checked by the scorer.
"""

import base64
import binascii
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from stream.errors import ArtifactError, ContractError, DigestError, SignatureError
from stream.graphcheck import check_graph

CONTRACT = 1
MODEL, GOLDEN, MANIFEST, SIGNATURE = "model.onnx", "golden.npz", "manifest.json", "manifest.sig"
FILES = (MANIFEST, SIGNATURE, MODEL, GOLDEN)
INPUTS = {
    "query": ("B", "F"),
    "window": ("B", "R", "F"),
    "window_mask": ("B", "R"),
    "window_label": ("B", "R"),
    "peers": ("P", "F"),
    "peers_mask": ("P",),
    "peers_label": ("P",),
    "category": ("F",),
    "direction": ("F",),
}
OUTPUTS = {"score": ("B",), "attribution": ("B", "F")}

PACKAGE = Path(__file__).parent
LEARNED, BASELINE = "onsight", "knn"  # the artifacts in it: what was trained, and nearest neighbours
DEFAULT = LEARNED  # what the worker and `onsight replay` run where none is named


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact says about itself. `files` maps a file's name to "sha256:<64 hex digits>"."""

    name: str
    version: str
    contract: int
    opset: int
    files: Mapping[str, str]
    recipe: Mapping[str, object]
    sources: Sequence[str]
    drift: Mapping[str, object] = field(default_factory=dict)  # by profile (drift_reference); may be absent


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """Inputs by name, and the scores [B] and attributions [B, F] that they must give."""

    name: str
    inputs: Mapping[str, np.ndarray]
    score: np.ndarray
    attribution: np.ndarray


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified model from `source`. `digest` is that of the manifest, which names all the others."""

    source: str
    digest: str
    manifest: Manifest
    model: bytes
    golden: tuple[GoldenCase, ...]


def shipped(name: str = DEFAULT) -> Path:
    """The folder of an artifact that comes with the package."""
    return PACKAGE / "artifacts" / name


def trusted_keys(further: Path | None = None) -> tuple[Ed25519PublicKey, ...]:
    """The public keys (`*.pem`) that come with the package, and those in the folder `further`."""
    folders = (PACKAGE / "keys", *([further] if further else []))
    return tuple(read_public_key(path) for folder in folders for path in sorted(folder.glob("*.pem")))


def read_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 public key in PEM form. Raises SignatureError."""
    try:
        key = load_pem_public_key(_read(path))
    except ValueError as error:
        raise SignatureError(
            f"{path} is not a public key in PEM form ({error}); where keys are trusted lie public ones alone, such as "
            "public.pem of `onsight-export keys`."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"{path} holds a {type(key).__name__}; only Ed25519 keys are accepted.")
    return key


def load_artifact(path: Path, *, trusted: Sequence[Ed25519PublicKey] | None = None) -> Artifact:
    """Read and verify the artifact in folder `path`, as `open_artifact` does."""
    return open_artifact(read_folder(path), str(path), trusted=trusted)


def read_folder(path: Path) -> dict[str, bytes]:
    """The files of the artifact in a folder, as far as they are there. Raises ArtifactError."""
    if not path.is_dir():
        raise ArtifactError(
            f"there is no artifact folder at {path}; `onsight artifact` prints a shipped one."
        )
    return {name: _read(path / name) for name in FILES if name != SIGNATURE or (path / name).exists()}


def open_artifact(
    files: Mapping[str, bytes], source: str, *, trusted: Sequence[Ed25519PublicKey] | None = None
) -> Artifact:
    """Verify an artifact given as its files by name; `trusted` defaults to the package's own keys.

    source: where they came from, for messages
    Raises SignatureError, DigestError or ContractError for the first check that fails.
    """
    signed = _file(files, MANIFEST, source)
    _check_signature(files, source, trusted_keys() if trusted is None else trusted)
    manifest = _parse_manifest(signed, f"{source}/{MANIFEST}")
    model, golden = (_named(files, name, manifest, source) for name in (MODEL, GOLDEN))
    if manifest.contract != CONTRACT:
        raise ContractError(
            f"{source} follows version {manifest.contract} of the model contract; this onsight knows {CONTRACT}."
        )
    check_graph(model, f"{source}/{MODEL}")
    return Artifact(
        source=source,
        digest=sha256(signed),
        manifest=manifest,
        model=model,
        golden=read_golden(golden, f"{source}/{GOLDEN}"),
    )


def sha256(content: bytes) -> str:
    """The digest as a manifest writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_golden(content: bytes, source: str) -> tuple[GoldenCase, ...]:
    """The cases of a golden file, whose arrays are called `<case>/<input or output>`. Raises ContractError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ContractError(f"{source} can't be read: {error}.") from error
    names = sorted({name.partition("/")[0] for name in arrays})
    missing = [f"{case}/{x}" for case in names for x in (*INPUTS, *OUTPUTS) if f"{case}/{x}" not in arrays]
    if missing or not names:
        raise ContractError(f"{source} lacks {', '.join(missing) or 'any golden case'}.")
    return tuple(
        GoldenCase(
            name=case,
            inputs={x: arrays[f"{case}/{x}"] for x in INPUTS},
            score=arrays[f"{case}/score"],
            attribution=arrays[f"{case}/attribution"],
        )
        for case in names
    )


def _check_signature(files: Mapping[str, bytes], source: str, trusted: Sequence[Ed25519PublicKey]) -> None:
    if SIGNATURE not in files:
        raise SignatureError(f"{source} is not signed: {SIGNATURE} is missing.")
    try:
        signature = base64.b64decode(files[SIGNATURE].strip(), validate=True)
    except binascii.Error as error:
        raise SignatureError(f"{source}/{SIGNATURE} is not base64: {error}.") from error
    for key in trusted:
        try:
            key.verify(signature, files[MANIFEST])
        except InvalidSignature:
            continue
        return
    raise SignatureError(
        f"none of the {len(trusted)} trusted keys signed {source}/{MANIFEST}: it or {SIGNATURE} was changed after "
        "signing, or it was signed by somebody else, whose public key you would have to trust first (--key of the "
        "onsight-export commands, the setting trusted_keys of workers)."
    )


def _parse_manifest(content: bytes, source: str) -> Manifest:
    try:
        return Manifest(**orjson.loads(content))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ContractError(f"{source} is not a manifest: {error}.") from error


def _file(files: Mapping[str, bytes], name: str, source: str) -> bytes:
    if name not in files:
        raise ArtifactError(f"{source}/{name} is missing.")
    return files[name]


def _named(files: Mapping[str, bytes], name: str, manifest: Manifest, source: str) -> bytes:
    content = _file(files, name, source)
    expected, seen = manifest.files.get(name), sha256(content)
    if seen != expected:
        raise DigestError(
            f"{source}/{name} is not the file that was signed: the manifest says {expected}, it is {seen}."
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} can't be read: {error.strerror}.") from error
