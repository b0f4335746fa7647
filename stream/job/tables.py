"""Faust's table manager without its second of waiting: this job's one table is there before the app starts."""

from faust.tables.manager import TableManager


class PromptTables(TableManager):
    """Faust sleeps a second at the start, for tables that agents might still declare."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()
