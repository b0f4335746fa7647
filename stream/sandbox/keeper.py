"""Runs commands one after another, outlives nobody: the process that keeps a throw-away broker.

Started by `Broker.start` as `python keeper.py FOLDER COMMANDS` (a JSON list of argument lists), with the
reading end of a pipe as its standard input. Whoever started it holds the other end, so however that process
ends (return, exception, SIGTERM, kill -9), the pipe closes; the keeper kills its command and removes FOLDER.
It sits in a session of its own, where neither Ctrl-C nor a kill of the starter's process group reaches it.
Should a command end with an error, the keeper prints the last lines of its output and ends with its status.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

TAIL_LINES = 30
POLL_SECONDS = 0.05


def main(folder: Path, commands: list[list[str]]) -> int:
    """Run the commands in the folder, and remove it. Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log = folder / "broker.log"
    try:
        for command in commands:
            status = keep(command, log)
            if status is None:
                return 0
            if status != 0:
                print(tail(log), flush=True)
                return status
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep(command: list[str], log: Path) -> int | None:
    """Run one command until it ends (its exit status) or the pipe closes (None)."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    try:
        while child.poll() is None:
            if select.select([sys.stdin], [], [], POLL_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1):
                return None
        return child.returncode
    finally:
        child.kill()  # its data is thrown away, so there is nothing to shut down in order
        child.wait()


def tail(log: Path) -> str:
    """The log's last lines."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
