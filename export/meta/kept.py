"""A model's own parameters inside its graph, as metadata that no operator reads: so training can go on from it."""

import base64
import binascii
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from export.meta.parameters import SIZES, Parameters, initial
from stream.artifact import MODEL, load_artifact, trusted_keys
from stream.errors import ArtifactError

KEY = "onsight.parameters"


def keep(model: onnx.ModelProto, parameters: Parameters) -> None:
    """Put `parameters` into the metadata of `model`."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{name: parameters[name] for name in sorted(parameters)})
    model.metadata_props.add(key=KEY, value=base64.b64encode(file.getvalue()).decode())


def kept(model: bytes, source: str) -> tuple[str, Parameters]:
    """The size and the parameters of a model file. Raises ArtifactError, naming `source`."""
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(model).metadata_props}
    if KEY not in metadata:
        raise ArtifactError(
            f"{source} holds no parameters that training could go on from: nothing in it was learned, or an earlier "
            "onsight trained it"
        )
    try:
        with np.load(io.BytesIO(base64.b64decode(metadata[KEY])), allow_pickle=False) as archive:
            found = {name: np.asarray(archive[name], np.float32) for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, binascii.Error) as error:
        raise ArtifactError(f"the parameters in {source} can't be read: {error}") from error
    for name, size in SIZES.items():
        if _shapes(initial(size, 0)) == _shapes(found):
            return name, found
    raise ArtifactError(f"{source} was trained for another structure of the model than this onsight has")


@dataclass(frozen=True, slots=True)
class Start:
    """The model that training goes on from; `told` is what a manifest says of it."""

    size: str
    parameters: Parameters
    told: str


def take_up(folder: Path, key: Ed25519PublicKey) -> Start:
    """The parameters of the artifact in `folder`, signed by `key` or a key of the package. Raises ArtifactError."""
    artifact = load_artifact(folder, trusted=(*trusted_keys(), key))
    size, parameters = kept(artifact.model, str(folder / MODEL))
    return Start(size, parameters, f"parameters of artifact {artifact.digest}")


def _shapes(parameters: Parameters) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in parameters.items()}
