"""Faust's table manager without its second of waiting: this job's one table is there before the app starts."""

import shutil

from faust.tables.manager import TableManager


class PromptTables(TableManager):
    """Faust sleeps a second at the start, for tables that agents might still declare."""

    async def on_start(self) -> None:
        # The app has just made a data folder, which stays empty: gone now, it does not outlive a killed process.
        shutil.rmtree(self.app.conf.datadir, ignore_errors=True)
        await self._update_channels()
        await self.recovery.start()
