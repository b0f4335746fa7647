"""Images built by buildah from the Dockerfile, without a Docker engine, and commands run in their containers.

Needs root, and `apt-get install --no-install-recommends buildah debootstrap`. The base is a Debian of our own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import CACHE, ROOT, run

SUITE = "bookworm"
BASE, IMAGE = "localhost/onsight-base:test", "localhost/onsight:test"
INCLUDE = "python3,python3-venv,ca-certificates"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
STORE = (
    *("--root", str(CACHE / "storage"), "--runroot", str(CACHE / "storage-run")),
    *("--storage-driver", "overlay"),
)
ISOLATION = ("--isolation", "chroot")
BUILD = (*ISOLATION, "--layers", "--format", "docker", "--pull-never")


def buildah(*words: object) -> str:
    return run(["buildah", *STORE, *words]).strip()


@pytest.fixture(scope="module")
def base() -> str:
    """A base image of Debian's packages; pip trusts in it whom this machine trusts."""
    for needed in ("buildah", "debootstrap"):
        assert shutil.which(needed), f"{needed} is not installed: see the head of tests/deploy/images.py"
    folder = CACHE / f"debian-{SUITE}"
    if not folder.exists():
        building = folder.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        run(["debootstrap", "--variant=minbase", f"--include={INCLUDE}", SUITE, building])
        building.rename(folder)
    if BASE not in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, folder, "/")
        buildah("add", "--quiet", container, AUTHORITIES, AUTHORITIES)
        buildah("config", "--env", f"PIP_CERT={AUTHORITIES}", container)
        buildah("commit", "--quiet", "--rm", container, BASE)
    return BASE


@pytest.fixture(scope="module")
def image(base: str) -> str:
    buildah("bud", *BUILD, "--build-arg", f"BASE={base}", "--tag", IMAGE, ROOT)
    return IMAGE


@pytest.fixture
def container(image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


def inside(container: str, command: str) -> list[str]:
    return buildah("run", *ISOLATION, container, "--", "sh", "-c", command).splitlines()
