"""Plays the demo's events from a thread of its own."""

import asyncio
import threading
from collections.abc import Iterable, Iterator

from stream.job.player import Event, Pace, play
from stream.settings import Settings


class Player:
    """Plays events in a thread; leaving its `with` block ends it."""

    def __init__(self, settings: Settings, events: Iterable[Event], pace: Pace) -> None:
        self._settings, self._events, self._pace = settings, events, pace
        self._stopped = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="player")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_args: object) -> None:
        self._stopped.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the playing, if anything did."""
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(play(self._settings, self._settings.input_topic, self._until_stopped(), self._pace))
        except Exception as error:
            self._error = error

    def _until_stopped(self) -> Iterator[Event]:
        for event in self._events:
            if self._stopped.is_set():
                return
            yield event
