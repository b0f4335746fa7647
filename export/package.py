"""Writes an artifact folder, and makes and reads the keys that sign it."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from export.golden import golden_inputs
from stream.artifact import CONTRACT, GOLDEN, MANIFEST, MODEL, OUTPUTS, SIGNATURE, Manifest, sha256
from stream.errors import SignatureError

PRIVATE_KEY, PUBLIC_KEY = "private.pem", "public.pem"


def write_artifact(
    folder: Path,
    model: onnx.ModelProto,
    key: Ed25519PrivateKey,
    *,
    name: str,
    version: str,
    recipe: Mapping[str, object],
    sources: Sequence[str],
) -> Manifest:
    """Write `model` with its golden cases, manifest and signature; the same model gives the same bytes."""
    content = {MODEL: model.SerializeToString(deterministic=True)}
    content[GOLDEN] = _golden(content[MODEL])
    manifest = Manifest(
        name=name,
        version=version,
        contract=CONTRACT,
        opset=model.opset_import[0].version,
        files={file: sha256(data) for file, data in content.items()},
        recipe=dict(recipe),
        sources=tuple(sources),
    )
    write_signed(folder, manifest, content, key)
    return manifest


def write_signed(
    folder: Path, manifest: Manifest, content: Mapping[str, bytes], key: Ed25519PrivateKey
) -> None:
    """Write an artifact of these files, its manifest and the signature over it."""
    said = {field.name: getattr(manifest, field.name) for field in fields(manifest)}
    if not manifest.drift:
        del said["drift"]
    signed = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    signature = base64.b64encode(key.sign(signed)) + b"\n"
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in {**content, MANIFEST: signed, SIGNATURE: signature}.items():
        (folder / file).write_bytes(data)


def make_keys(folder: Path) -> tuple[Path, Path]:
    """A new pair, as `private.pem` (readable by its owner alone) and `public.pem`. Never overwrites one."""
    private, public = folder / PRIVATE_KEY, folder / PUBLIC_KEY
    if private.exists():
        raise SignatureError(f"{private} exists; a signing key is never overwritten. Choose another folder.")
    key = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The signing key at `path`. Raises SignatureError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SignatureError(
            f"{path} can't be read: {error.strerror}; `onsight-export keys` makes one."
        ) from error
    except ValueError as error:
        raise SignatureError(f"{path} is not a private key in PEM form: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{path} holds a {type(key).__name__}; only Ed25519 keys are accepted.")
    return key


def _golden(model: bytes) -> bytes:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    arrays: dict[str, np.ndarray] = {}
    for case, inputs in golden_inputs().items():
        outputs = dict(zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True))
        arrays |= {f"{case}/{name}": array for name, array in (inputs | outputs).items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
