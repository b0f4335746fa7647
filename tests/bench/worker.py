"""A worker as a process of its own: started, watched from outside (Linux's /proc), stopped or killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from stream.artifact import BASELINE, shipped
from tests.bench.cluster import Cluster, GaveUp
from tests.bench.report import say

ONSIGHT = Path(sys.executable).with_name("onsight")
MAIN = "from stream.cli import main; main()"
STOP_SECONDS = 30.0
TICK = os.sysconf("SC_CLK_TCK")


class Worker:
    """One `onsight worker`; leaving its `with` block ends it, and shows its log when the bench gives up.

    It runs the nearest-neighbour artifact unless told otherwise: these benches measure the event path, not the model.

    first: Python that its process runs first; variables: of its environment beside the settings
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        *,
        first: str = "",
        variables: Mapping[str, str] | None = None,
        **settings: str,
    ) -> None:
        given = {
            "kafka": cluster.bootstrap,
            "application_id": group,
            "instance_id": "bench",
            "dead_letters_topic": cluster.dead_letters,
            "verdicts_topic": cluster.verdicts,
            "artifact": str(shipped(BASELINE)),
            **settings,
        }
        environment = {f"ONSIGHT_{name.upper()}": value for name, value in given.items()} | dict(
            variables or {}
        )
        self._folder = tempfile.TemporaryDirectory(prefix="onsight-bench-")  # all that a killed worker leaves
        environment["TMPDIR"] = self._folder.name
        self._log = Path(self._folder.name, "log").open("w+b")  # noqa: SIM115
        self.started = time.time()
        self._process = subprocess.Popen(
            [*([sys.executable, "-c", f"{first}\n{MAIN}"] if first else [str(ONSIGHT)]), "worker"],
            env={**os.environ, **environment},
            stderr=self._log,
            stdout=self._log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if isinstance(error, GaveUp):
            say(f"the worker's log:\n{self.log()[-4000:]}")
        self._log.close()
        self._folder.cleanup()

    def alive(self) -> None:
        """Raise unless the process runs."""
        if self._process.poll() is not None:
            raise GaveUp(f"the worker ended by itself, with status {self._process.returncode}")

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def kill(self) -> None:
        """`kill -9`, unless it has ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> dict[str, Any]:
        """SIGTERM; returns the summary that a worker logs at its end."""
        self.alive()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise GaveUp(f"the worker did not stop within {STOP_SECONDS:.0f} s") from None
        for line in reversed(self.log().splitlines()):
            if '"summary":' in line:
                # Faust's worker writes escape sequences even to a file.
                return dict(orjson.loads(line[line.index("{") :])["summary"])
        raise GaveUp("the worker ended without a summary")

    def cpu_seconds(self) -> float:
        """CPU time of the whole process so far, user and system."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICK

    def peak_rss_mib(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
