"""An `onsight worker` in a process of its own, with its log in a temporary file."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from stream.errors import BrokerError
from stream.settings import variable

COMMAND = (sys.executable, "-c", "from stream.cli import main; main()", "worker")
STOP_SECONDS = 20.0
GRACE_SECONDS = 5.0  # when the demo is broken off
LOG_BYTES = 4000  # of its end, shown when the worker fails


class Worker:
    """Started at once; leaving its `with` block ends it, whatever happened.

    settings: by name, over those of the environment
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        given = {variable(name): str(value) for name, value in settings.items()}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            COMMAND,
            env={**os.environ, **given},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for the demo, which ends its worker in order
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process.poll() is None:
                self._process.terminate()
                self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._log.close()

    def check(self) -> None:
        """Raise BrokerError, with the end of its log, if it has ended."""
        if self._process.poll() is not None:
            raise self.failure(f"the worker ended by itself, with status {self._process.returncode}")

    def stop(self) -> None:
        """SIGTERM: it writes what it has scored and leaves. Raises BrokerError if it does not, or not well."""
        self.check()
        self._process.terminate()
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise self.failure(f"the worker did not stop within {STOP_SECONDS:.0f} s") from None
        if status:
            raise self.failure(f"the worker stopped with status {status}")

    def failure(self, what: str) -> BrokerError:
        """An error that shows the end of the worker's log."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - LOG_BYTES))
        log = self._log.read().decode(errors="replace")
        return BrokerError(f"{what}; the end of its log:\n{log or '(empty)'}")
