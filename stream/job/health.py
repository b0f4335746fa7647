"""/livez, /readyz and /metrics on a port of their own, and the watchdog: in one thread beside the worker.

The worker's event loop may be what is stuck, so none of this runs in it. (Code that never lets go of the interpreter
stops this thread as well: then nobody answers /livez, which means the same to whoever asks.)
"""

import asyncio
import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from stream.errors import SettingsError
from stream.job.pulse import Pulse
from stream.job.status import CRASHED, STALLED
from stream.settings import Settings

log = logging.getLogger("onsight")

WATCH = 1.0  # seconds between looks at the pulse
NOTICE = 5.0  # seconds that /livez fails before the process ends, so that it can be seen to
CRASH_SECONDS = 3.0  # for a crashed worker to end by itself: Faust often waits for what will not come


def listen(settings: Settings) -> socket.socket | None:
    """The socket to serve on; None where health_port is 0. Raises SettingsError where it can't be had."""
    if not settings.health_port:
        return None
    family = socket.AF_INET6 if ":" in settings.health_host else socket.AF_INET
    try:
        return socket.create_server((settings.health_host, settings.health_port), family=family)
    except OSError as error:
        raise SettingsError(
            f"health_port: {settings.health_host}:{settings.health_port} can't be listened on ({error.strerror}); "
            "choose another port (ONSIGHT_HEALTH_PORT) or address (ONSIGHT_HEALTH_HOST), or 0 to serve none"
        ) from error


class Health:
    """The thread. `serving` None: only the watchdog; `crashed`: whether the worker ends because of an error."""

    def __init__(
        self,
        pulse: Pulse,
        registry: CollectorRegistry,
        serving: socket.socket | None,
        crashed: Callable[[], bool],
    ) -> None:
        self._pulse, self._registry, self._serving, self._crashed = pulse, registry, serving, crashed
        self._main = threading.main_thread().ident

    def start(self) -> None:
        """Serve and watch from now on."""
        threading.Thread(target=self._run, name="health", daemon=True).start()

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:
            log.critical("the health server crashed: %s", type(error).__name__, exc_info=error)
            os._exit(CRASHED)

    async def _live(self) -> None:
        if self._serving is not None:
            runner = web.AppRunner(self._routes(), access_log=None, handle_signals=False)
            await runner.setup()
            await web.SockSite(runner, self._serving).start()
        await self._watch()

    async def _watch(self) -> None:
        """End the process some seconds after it was found crashed or stalled, unless it moves again."""
        crashed_at = found_at = None
        while True:
            now, reasons = time.monotonic(), self._pulse.stalled()
            found_at = (found_at or now) if reasons else None
            crashed_at = (crashed_at or now) if self._crashed() else None
            if crashed_at and now - crashed_at >= CRASH_SECONDS:
                self._end(CRASHED, "the worker crashed, as told above, and did not end by itself")
            if found_at and now - found_at >= NOTICE:
                self._end(STALLED, f"stalled: {'; '.join(reasons)}")
            await asyncio.sleep(WATCH)

    def _end(self, status: int, reason: str) -> None:
        frame = sys._current_frames().get(self._main or 0)
        log.critical("%s; the main thread is at %s", reason, where(frame))
        logging.shutdown()
        os._exit(status)

    def _routes(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.on_response_prepare.append(_anonymous)
        return app

    async def _livez(self, _request: web.Request) -> web.Response:
        return _answer(self._pulse.stalled())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer(self._pulse.not_ready())

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _answer(reasons: list[str]) -> web.Response:
    body = orjson.dumps({"ok": not reasons, "reasons": reasons})
    return web.Response(body=body, status=503 if reasons else 200, content_type="application/json")


async def _anonymous(_request: web.Request, response: web.StreamResponse) -> None:
    """Don't tell the versions of what we run on."""
    response.headers["Server"] = "onsight"


def where(frame: FrameType | None) -> str:
    """The places in the code that a thread stands at, innermost first; no values."""
    stack = traceback.extract_stack(frame) if frame else []
    return " < ".join(
        f"{at.filename.rpartition('/')[2]}:{at.lineno} {at.name}" for at in reversed(stack[-8:])
    )
