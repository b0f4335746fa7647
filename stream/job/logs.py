"""The worker's log: one JSON line a message in production, readable on a terminal, and never an event's value.

Our own messages hold none. An exception that somebody else raised may quote one (`could not convert 'x' to float`),
so of those only the type and the places in the code are told.
"""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

import orjson
from aiokafka.errors import KafkaError

from stream.errors import OnsightError

log = logging.getLogger("onsight")

HARMLESS = (OnsightError, KafkaError, OSError, asyncio.TimeoutError, TimeoutError)  # messages without values
TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure(form: Literal["json", "text", "auto"], level: str) -> None:
    """Log to standard error: all that this process says, warnings and uncaught errors included."""
    handler = logging.StreamHandler(sys.stderr)
    json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    handler.setFormatter(JsonLines() if json else Discreet(TEXT))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda hook: _uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)
    # What Faust and its client say of themselves, also as our subclasses, matters when something is wrong.
    for name in ("faust", "mode", "aiokafka", "kafka", "stream.job"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    log.critical("uncaught %s", kind.__name__, exc_info=(kind, error or kind(), trace))


def told(error: BaseException) -> str:
    """An exception as it may be told."""
    name = type(error).__name__
    return (
        f"{name}: {error}"
        if isinstance(error, HARMLESS)
        else f"{name} (message left out, it may quote an event)"
    )


class Discreet(logging.Formatter):
    """Leaves out what foreign exceptions say."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(
            part
            for error in reversed(list(_chain(ei[1])))
            for part in ("".join(traceback.format_tb(error.__traceback__)).rstrip(), told(error))
            if part
        )


class JsonLines(Discreet):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = self.formatException(record.exc_info)
        if summary := getattr(record, "summary", None):
            line["summary"] = summary
        return orjson.dumps(line, default=str).decode()


def _message(record: logging.LogRecord) -> str:
    args = record.args
    if isinstance(args, tuple):
        args = tuple(told(arg) if isinstance(arg, BaseException) else arg for arg in args)
    message = str(record.msg) % args if args else str(record.msg)
    for error in _chain(record.exc_info[1] if record.exc_info else None):
        if not isinstance(error, HARMLESS):
            for quoted in filter(None, (repr(error), str(error))):
                message = message.replace(quoted, type(error).__name__)
    return message


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
