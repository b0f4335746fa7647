"""Start the worker process, and end it with an exit status that says how it went."""

import logging
import sys

import faust
import orjson

from stream.job.app import CRASHED, Job
from stream.memory import collect_rarely, keep_freed_memory
from stream.settings import Settings

SWITCH = 0.0005  # seconds that a thread may keep the interpreter while the one that fetches waits for it


class JsonLines(logging.Formatter):
    """One JSON object a line. Messages never hold event values."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if summary := getattr(record, "summary", None):
            line["summary"] = summary
        return orjson.dumps(line, default=str).decode()


def _configure_logging(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if json else text)
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    # What Faust and its client say of themselves matters when something is wrong.
    for name in ("faust", "mode", "aiokafka", "stream.job.transport", "stream.job.store"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def run(settings: Settings) -> None:
    """Run until a signal; exits 0 after a drained stop, with another status after a crash."""
    _configure_logging(settings)
    keep_freed_memory()
    sys.setswitchinterval(SWITCH)
    job = Job(settings)
    collect_rarely()
    worker = faust.Worker(job.app, loglevel=settings.log_level.upper(), quiet=True, override_logging=False)
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        sys.exit(end.code or 0)
    except BaseException as error:
        logging.getLogger("onsight").critical("worker crashed: %s", error, exc_info=error)
        sys.exit(CRASHED)
