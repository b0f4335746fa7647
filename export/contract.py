"""Holds an artifact against the model contract: `export/checks.py` says what is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from export.checks import CHECKS, Model, Outputs
from export.session import open_session
from stream.artifact import MANIFEST, OUTPUTS, Artifact, load_artifact
from stream.drift_reference import read_references, reference_for
from stream.errors import ArtifactError, ContractError
from stream.profile import Profile
from stream.scorer import Scorer

LOADS = "signed, whole, of this version, standard operators, golden scores"
USUAL = "what the manifest says of usual streams, for drift, can be held against them"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check; `error` says what the model raised instead of giving a figure."""

    sentence: str
    passed: bool
    figure: float
    limit: float
    error: str = ""


def open_model(model: bytes) -> Model:
    """Both outputs of a graph, by ONNX Runtime."""
    session = open_session(model)
    return lambda inputs: Outputs(*session.run(list(OUTPUTS), dict(inputs)))


def verify(
    path: Path, trusted: Sequence[Ed25519PublicKey] | None = None, profile: Profile | None = None
) -> list[Finding]:
    """Hold the artifact in folder `path` against the whole contract; stops where it can't be loaded at all.

    profile: whose features the manifest's reference for drift has to be of, if it has one
    """
    try:
        artifact = load_artifact(path, trusted=trusted)
        Scorer(artifact, np.zeros(1), np.zeros(1)).warm_up(rows=8, peers=8)
    except ArtifactError as error:
        return [Finding(LOADS, False, float("inf"), 0.0, str(error))]
    return [
        Finding(LOADS, True, 0.0, 0.0),
        *check(open_model(artifact.model)),
        check_drift(artifact, profile),
    ]


def check_drift(artifact: Artifact, profile: Profile | None) -> Finding:
    """Whether every reference of the manifest can be read, and that of `profile` is of its features."""
    told, source = artifact.manifest.drift, f"{artifact.source}/{MANIFEST}"
    try:
        read_references(told, source)
        if profile:
            reference_for(profile, told, source)
    except ContractError as error:
        return Finding(USUAL, False, float("inf"), 0.0, str(error))
    return Finding(USUAL, True, 0.0, 0.0)


def check(model: Model) -> list[Finding]:
    """Hold `model` against every sentence. A model that raises fails that check, with the reason."""
    findings = []
    for one in CHECKS:
        try:
            figure, error = float(one.measure(model)), ""
        except Exception as problem:
            figure, error = float("inf"), str(problem).splitlines()[0]
        findings.append(Finding(one.sentence, figure <= one.limit, figure, one.limit, error))
    return findings
