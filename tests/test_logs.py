"""The worker's log: a line is a JSON object, and nobody's values are in it."""

import asyncio
import io
import logging

import orjson
import pytest

from stream.errors import StateError
from stream.job.logs import TEXT, Discreet, JsonLines

PLANTED = "4929 1234 planted"


def logged(formatter: logging.Formatter, *args: object, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("onsight")
    logger.addHandler(handler)
    logger.error(*args, exc_info=error)
    return stream.getvalue()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_line_is_one_json_object() -> None:
    (line,) = logged(JsonLines(), "two\nlines of %s", "it").splitlines()
    told = orjson.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "onsight", "two\nlines of it")


@pytest.mark.parametrize("formatter", [JsonLines(), Discreet(TEXT)])
def test_what_a_foreign_exception_quotes_is_left_out(formatter: logging.Formatter) -> None:
    error = raised(ValueError(f"could not convert {PLANTED}"))
    above = RuntimeError(PLANTED)
    above.__cause__ = error
    for text in (
        logged(formatter, "stopping: %s", error, error=error),
        logged(formatter, "stopping: %r", error),
        logged(formatter, f"stopping: {error}", error=error),
        logged(formatter, f"future: {error!r}", error=raised(above)),
        logged(formatter, f"100% {error}", error=raised(above)),
    ):
        assert PLANTED not in text
        assert "ValueError" in text
    assert "test_logs.py" in logged(formatter, "stopping", error=error)


@pytest.mark.parametrize("formatter", [JsonLines(), Discreet(TEXT)])
def test_our_own_errors_say_all(formatter: logging.Formatter) -> None:
    text = logged(formatter, "stopping: %s", raised(StateError("set a new application_id")))
    assert "StateError: set a new application_id" in text


def test_a_task_that_nobody_awaited_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    monkeypatch.setattr(logging.getLogger("asyncio"), "handlers", [handler])

    async def fail() -> None:
        raise ValueError(PLANTED)

    async def leave() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        del task

    asyncio.run(leave())
    assert "never retrieved" in stream.getvalue()
    assert PLANTED not in stream.getvalue()
