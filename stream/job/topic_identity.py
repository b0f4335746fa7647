"""A topic that is deleted and made again under a worker: offsets read from the old one say nothing of the new one.

Faust goes on at the offset that it had reached, and would miss what the new topic holds before it. What tells the two
apart is the id that brokers give each topic (KIP-516, Kafka 2.8), which Faust's client does not ask for.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from stream.errors import BrokerError
from stream.job.clients import admin_client
from stream.settings import Settings

LOOK = 2.0  # seconds between looks


class TopicIdentity:
    """Looks at the id of a topic in a thread of its own, and fails when it is another than at first."""

    def __init__(self, settings: Settings, topic: str, fail: Callable[[BaseException], None]) -> None:
        self._settings, self._topic, self._fail = settings, topic, fail
        self._first: Any = None

    def start(self) -> None:
        """Look from now on: what is read of the topic later than the first look is of one and the same."""
        threading.Thread(target=self._run, name="topic identity", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                with admin_client(self._settings) as admin:
                    while True:
                        self._look(admin)
                        time.sleep(LOOK)
            except BrokerError:
                time.sleep(LOOK)  # those who read and write say what is wrong with the brokers
            except Exception as error:
                self._fail(error)

    def _look(self, admin: Any) -> None:
        (found,) = admin.describe_topics([self._topic])
        if found["error_code"]:
            return  # gone, or not to be seen for now
        identity = found.get("topic_id")
        self._first = self._first or identity
        if identity != self._first:
            self._fail(
                BrokerError(
                    f"topic {self._topic!r} was deleted and made again; started again, the worker reads it from its "
                    "beginning, and what was applied before stays"
                )
            )
