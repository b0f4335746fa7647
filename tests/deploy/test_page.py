"""helm/README.md: every command of it is run, on a real API server, but for those that need a registry of images.

The one that builds the image is test_image.py's. Needs Go and apt-get (Debian).
"""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml
from cluster import Cluster, control_plane
from tools import ROOT

PAGE = (ROOT / "helm" / "README.md").read_text()
BLOCK = re.compile(r"^```(?P<language>\w+) ?(?P<name>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(found["language"], found["name"], found["text"]) for found in BLOCK.finditer(PAGE)]
HELM_WAY = ("", "upgrade", "watch", "remove")
OWN_WAY = ("", "template")  # render, look, apply


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    from test_cluster import define_custom_resources

    with control_plane(tmp_path_factory.mktemp("cluster")) as running:
        define_custom_resources(running)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with the files that the page tells to write."""
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    (values,) = (text for language, _, text in BLOCKS if language == "yaml")
    (tmp_path / "values.yaml").write_text(values)
    (tmp_path / "ca.crt").write_text("an authority")
    return tmp_path


@contextmanager
def nodes(cluster: Cluster) -> Iterator[None]:
    """Play the nodes while the block runs: commands of the page wait for pods."""
    over = threading.Event()

    def play() -> None:
        while not over.wait(0.5):
            with suppress(AssertionError):  # a pod or the namespace has gone in the meantime
                cluster.run_pods("onsight")

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def execute(text: str, cluster: Cluster, folder: Path) -> str:
    script = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(
        script, cwd=folder, env=cluster.environment, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert "PodSecurity" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("way", [HELM_WAY, OWN_WAY], ids=["helm", "template"])
def test_the_commands_lead_to_workers_that_are_ready(
    way: tuple[str, ...], cluster: Cluster, folder: Path
) -> None:
    said = ""
    with nodes(cluster):
        for language, name, text in BLOCKS:
            installs = name == "" and "helm install" in text
            if language == "sh" and name in way and not (installs and way == OWN_WAY):
                said += execute(text, cluster, folder)
    if way == HELM_WAY:
        assert said.count("statefulset rolling update complete") == 3
        assert "Rollback was a success" in said
    else:
        assert said.count("statefulset rolling update complete") == 1
        assert re.search(r"^onsight +2/2", said, re.MULTILINE)
        cluster.kubectl("delete", "namespace", "onsight", "--timeout=60s")


def test_no_command_is_left_out() -> None:
    names = {name for language, name, _ in BLOCKS if language == "sh"}
    assert names == {*HELM_WAY, *OWN_WAY, "image"}
    images = "".join(text for _, name, text in BLOCKS if name == "image")
    stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(re.findall(r"--target (\S+)", images)) <= set(stages)
    assert stages[-1] == "worker"


def test_what_the_page_names_is_there(folder: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "helm" / target).exists(), target
    for path in re.findall(r"`(helm/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path
    alerts = set(re.findall(r"^\| \[(\w+)\]", PAGE, re.MULTILINE))
    assert alerts == {path.stem for path in (ROOT / "helm" / "onsight" / "rules").glob("*.yaml")}
    values = yaml.safe_load((ROOT / "helm" / "onsight" / "values.yaml").read_text())
    for dotted in re.findall(
        r"`((?:settings|topics|kafka|keda|monitoring|exporter|probes|resources)(?:\.\w+)+)", PAGE
    ):
        place = values
        for name in dotted.split("."):
            place = place[name]


def test_what_is_shown_as_severity_is_the_rules_own() -> None:
    for name, severity in re.findall(r"^\| \[(\w+)\]\S+ \| (\w+) \|", PAGE, re.MULTILINE):
        rule = yaml.safe_load((ROOT / "helm" / "onsight" / "rules" / f"{name}.yaml").read_text())
        assert rule["groups"][0]["rules"][0]["labels"]["severity"] == severity, name
