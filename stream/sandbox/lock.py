"""Prints the lock of the throw-away Kafka: resolves its coordinate, fetches every jar and takes its SHA-256.

python -m stream.sandbox.lock > stream/sandbox/kafka-4.1.0.lock
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

KAFKA = "org.apache.kafka:kafka_2.13:4.1.0"
LOGGER = "org.slf4j:slf4j-simple:1.7.36"  # without a logger the reason of a failed start is lost


def resolve(cache: Path) -> Iterator[str]:
    """Yield a line "sha256  group:artifact:version" for each jar, sorted by coordinate."""
    from jgo.maven import MavenContext, PythonResolver

    maven = MavenContext(resolver=PythonResolver(), repo_cache=cache, timeout=60)
    roots = [maven.create_dependency(coordinate) for coordinate in (KAFKA, LOGGER)]
    found, transitive = maven.resolver.resolve(roots)
    needed = {dep.artifact for dep in (*found, *transitive) if dep.scope in (None, "compile", "runtime")}
    for artifact in sorted(needed, key=str):
        digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
        yield f"{digest}  {artifact.groupId}:{artifact.artifactId}:{artifact.version}"


def main() -> None:
    """Print the lock."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"# {KAFKA} and all it needs; made by: python -m stream.sandbox.lock")
        for line in resolve(Path(folder)):
            print(line)


if __name__ == "__main__":
    main()
