"""A Faust table's store that is filled by runs of records: each changelog message is one (see transport.py)."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from faust.stores import base
from faust.types import TP, EventT, Message


class RunStore(base.Store):
    """What is read stays in memory, and the topic is its only copy. `options`: "fail" ends the process for an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fail: Callable[[BaseException], None] = (self.options or {})["fail"]

    @abstractmethod
    def read_run(self, message: Message) -> None:
        """Take in the run that is the message's value; its offset is that of the run's last record."""

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        """Read runs of records as they come."""
        try:
            for event in batch:
                self.read_run(event.message)
        except Exception as error:
            # Faust would log it and go on with half of what is there.
            self._fail(error)

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Nothing to back up: the topic is the copy."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing to restore from: the topic is read."""
