"""Fetching the throw-away Kafka: nothing runs that is not pinned, and a full cache needs no network."""

import hashlib
import sys
from pathlib import Path

import pytest

from stream.errors import BrokerError
from stream.sandbox.fetch import LOCK, cache_folder, kafka_jars, read_lock

CONTENT = b"a jar"
GOOD = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the one jar of the lock, and nothing to fetch with."""
    monkeypatch.setitem(sys.modules, "jgo", None)
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "tool-1.2.jar").write_bytes(CONTENT)
    return tmp_path


def lock(cache: Path, text: str) -> Path:
    path = cache / "kafka.lock"
    path.write_text(text)
    return path


def test_a_full_cache_needs_no_network(cache: Path) -> None:
    jars = kafka_jars(cache, lock(cache, f"# made by hand\n{GOOD}  org.example:tool:1.2\n"))
    assert jars == (cache / "kafka" / "tool-1.2.jar",)


def test_a_changed_jar_is_named_with_what_was_expected_and_seen(cache: Path) -> None:
    with pytest.raises(BrokerError, match=rf"tool-1\.2\.jar .* expected SHA-256 {'0' * 64}, saw {GOOD}"):
        kafka_jars(cache, lock(cache, f"{'0' * 64}  org.example:tool:1.2\n"))


@pytest.mark.parametrize("line", ["org.example:tool:1.2", f"{GOOD}  tool", f"{GOOD}  a:../b:1", GOOD[:63]])
def test_a_line_without_digest_or_coordinate_is_named(cache: Path, line: str) -> None:
    with pytest.raises(BrokerError, match=r"kafka\.lock:2: expected a SHA-256"):
        kafka_jars(cache, lock(cache, f"{GOOD}  org.example:tool:1.2\n{line}\n"))


def test_a_missing_jar_without_the_fetcher_says_what_to_install(cache: Path) -> None:
    with pytest.raises(BrokerError, match=r"pip install 'onsight\[broker\]'"):
        kafka_jars(cache, lock(cache, f"{GOOD}  org.example:other:1.2\n"))


def test_the_shipped_lock_pins_kafka_whole() -> None:
    jars = read_lock(LOCK)
    assert len({jar.filename for jar in jars}) == len(jars) == 46
    assert "kafka_2.13-4.1.0.jar" in {jar.filename for jar in jars}


def test_the_cache_folder_follows_the_environment() -> None:
    assert cache_folder({"ONSIGHT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/onsight")
    assert cache_folder({}) == Path.home() / ".cache" / "onsight"
