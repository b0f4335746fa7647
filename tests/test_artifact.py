"""Artifacts: what is unsigned, changed, of another version or able to reach outside itself is refused, and why."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import orjson
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from export.cli import cli
from export.knn import build
from export.package import make_keys, read_private_key, write_artifact
from stream.artifact import BASELINE, Artifact, load_artifact, read_public_key, shipped
from stream.errors import ArtifactError, ContractError, DigestError, SignatureError
from stream.graphcheck import check_graph

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped baseline, signed with this test's key."""
    path = tmp_path / "knn"
    shutil.copytree(shipped(BASELINE), path)
    sign(path)
    return path


def sign(path: Path, **changes: object) -> None:
    """Sign the manifest again, with fields changed."""
    manifest = orjson.dumps(orjson.loads((path / "manifest.json").read_bytes()) | changes)
    (path / "manifest.json").write_bytes(manifest)
    (path / "manifest.sig").write_bytes(base64.b64encode(KEY.sign(manifest)))


def load(path: Path) -> Artifact:
    return load_artifact(path, trusted=[KEY.public_key()])


def test_the_shipped_baseline_is_signed_by_a_key_in_the_package() -> None:
    artifact = load_artifact(shipped(BASELINE))
    assert artifact.digest.startswith("sha256:")
    assert (artifact.manifest.name, artifact.manifest.contract) == ("knn", 1)
    assert {case.name for case in artifact.golden} == {"both", "peers-only", "window-only", "neither"}


def test_the_shipped_baseline_is_what_the_exporter_builds(tmp_path: Path) -> None:
    folder = shipped(BASELINE)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    parts = {name: manifest[name] for name in ("name", "version", "recipe", "sources")}
    write_artifact(tmp_path, build(), KEY, **parts)
    assert (tmp_path / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_an_unsigned_artifact_is_refused(folder: Path) -> None:
    (folder / "manifest.sig").unlink()
    with pytest.raises(SignatureError, match=r"manifest\.sig is missing"):
        load(folder)


def test_a_changed_manifest_is_refused(folder: Path) -> None:
    with (folder / "manifest.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(SignatureError, match="none of the 1 trusted keys signed"):
        load(folder)


def test_somebody_elses_signature_is_refused(folder: Path) -> None:
    with pytest.raises(SignatureError, match="somebody else"):
        load_artifact(folder)


def test_a_signature_that_is_none_is_refused(folder: Path) -> None:
    (folder / "manifest.sig").write_bytes(b"\xff\xff")
    with pytest.raises(SignatureError, match="not base64"):
        load(folder)


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz"])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(
        DigestError, match=rf"{name} is not the file that was signed: .* says sha256:.* is sha256:"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "manifest.json",
            SignatureError,
            r"trusted keys signed .*manifest\.json: it or manifest\.sig was changed",
        ),
        ("manifest.sig", SignatureError, r"manifest\.sig (was changed|is not base64)"),
        ("model.onnx", DigestError, r"model\.onnx is not the file that was signed"),
        ("golden.npz", DigestError, r"golden\.npz is not the file that was signed"),
    ],
)
def test_any_tampered_byte_is_told_by_its_file(
    folder: Path, name: str, error: type[Exception], message: str
) -> None:
    content = (folder / name).read_bytes()
    places = range(len(content.rstrip())) if len(content) < 1000 else range(0, len(content), 997)
    for place in places:
        (folder / name).write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
        with pytest.raises(error, match=message):
            load(folder)


def test_a_file_that_the_manifest_does_not_name_is_refused(folder: Path) -> None:
    sign(folder, files={})
    with pytest.raises(DigestError, match="the manifest says None"):
        load(folder)


def test_another_version_of_the_contract_is_refused(folder: Path) -> None:
    sign(folder, contract=2)
    with pytest.raises(ContractError, match="version 2 of the model contract; this onsight knows 1"):
        load(folder)


def test_a_manifest_with_other_fields_is_refused(folder: Path) -> None:
    sign(folder, surprise=1)
    with pytest.raises(ContractError, match=r"is not a manifest: .*surprise"):
        load(folder)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no artifact folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="No such file"):
        load(tmp_path)


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].domain = "com.example"


def foreign_operator_in_a_branch(model: onnx.ModelProto) -> None:
    inside = helper.make_node("Shell", ["x"], ["y"], domain="com.example")
    branch = helper.make_graph([inside], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))


def foreign_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def functions(model: onnx.ModelProto) -> None:
    node = helper.make_node("Neg", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("", "Own", ["a"], ["b"], [node], opsets))


def outside_tensor(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def outside_tensor_in_a_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(1, np.float32))
    outside = onnx.TensorProto()
    outside.CopyFrom(tensor)
    outside.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["secret"], value=outside))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (foreign_operator, "domain 'com.example'"),
        (foreign_operator_in_a_branch, r"\(Shell\) uses the operator domain 'com.example'"),
        (foreign_opset, "domain 'com.example'"),
        (functions, "functions or training code of its own"),
        (outside_tensor, "keeps a tensor in another file"),
        (outside_tensor_in_a_constant, r"\(Constant\) keeps a tensor in another file"),
    ],
)
def test_a_graph_that_reaches_outside_itself_is_refused(
    change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    model = build()
    change(model)
    with pytest.raises(ContractError, match=reason):
        check_graph(model.SerializeToString(), "model.onnx")


def test_a_large_file_is_refused() -> None:
    with pytest.raises(ContractError, match="more than the limit"):
        check_graph(bytes(64 * 1024 * 1024 + 1), "model.onnx")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_walked(content: bytes) -> None:
    try:
        check_graph(content, "model.onnx")
    except ContractError as error:
        assert "model.onnx" in str(error)


def test_keys_are_private_and_never_overwritten(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path / "keys")
    assert private.stat().st_mode & 0o077 == 0
    assert read_private_key(private).public_key() == read_public_key(public)
    with pytest.raises(SignatureError, match="never overwritten"):
        make_keys(tmp_path / "keys")
    with pytest.raises(SignatureError, match="not a public key"):
        read_public_key(private)
    with pytest.raises(SignatureError, match="not a private key"):
        read_private_key(public)


def test_the_commands_build_an_artifact_that_its_key_verifies(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(cli, ["keys", "--out", str(tmp_path / "keys")]).exit_code == 0
    built = run(cli, ["knn", "--out", str(tmp_path / "knn"), "--key", str(tmp_path / "keys/private.pem")])
    assert built.output.strip() == str(tmp_path / "knn")
    load_artifact(tmp_path / "knn", trusted=[read_public_key(tmp_path / "keys/public.pem")])
