"""Days: how many seconds they have, and which one a moment is on."""

from datetime import UTC, datetime

DAY, HOUR = 86_400.0, 3_600.0


def day_of(moment: float) -> str:
    """The day of seconds since 1970, UTC, as in 2026-01-31."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
