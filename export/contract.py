"""Holds an artifact against the model contract: `export/checks.py` says what is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from export.checks import CHECKS, Model, Outputs
from export.session import open_session
from stream.artifact import OUTPUTS, Artifact, load_artifact
from stream.errors import ArtifactError
from stream.scorer import Scorer

LOADS = "signed, whole, of this version, standard operators, golden scores"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check; `error` says what the model raised instead of giving a figure."""

    sentence: str
    passed: bool
    figure: float
    limit: float
    error: str = ""


def open_model(artifact: Artifact) -> Model:
    """Both outputs of an artifact's graph, by ONNX Runtime."""
    session = open_session(artifact.model)
    return lambda inputs: Outputs(*session.run(list(OUTPUTS), dict(inputs)))


def verify(path: Path, trusted: Sequence[Ed25519PublicKey] | None = None) -> list[Finding]:
    """Hold the artifact in folder `path` against the whole contract; stops where it can't be loaded at all."""
    try:
        artifact = load_artifact(path, trusted=trusted)
        Scorer(artifact, np.zeros(1), np.zeros(1)).warm_up(rows=8, peers=8)
    except ArtifactError as error:
        return [Finding(LOADS, False, float("inf"), 0.0, str(error))]
    return [Finding(LOADS, True, 0.0, 0.0), *check(open_model(artifact))]


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
