"""How far each source partition is behind, and since when it has not moved: numbers in, numbers out, no clock."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where one partition stands.

    end:     offset after its last record, None where the brokers did not say
    handled: offset before which everything is done
    latest:  the broker's time of the last record that was scored, None before any
    moves:   anything that differs once work was done, recovery included
    """

    end: int | None
    handled: int
    latest: float | None
    moves: Hashable


@dataclass(slots=True)
class Lag:
    """One partition: events it is behind, the seconds that these are late (None: not known), and when it last moved."""

    events: int = 0
    seconds: float | None = 0.0
    moved_at: float = 0.0  # by the steady clock
    caught_up_at: float | None = None  # seconds since 1970
    _moves: Hashable = field(default=None, repr=False)

    def look(self, place: Place, now: float, steady: float) -> None:
        """Take in where the partition stands: `now` in seconds since 1970, `steady` by the clock that never jumps."""
        if place.end is not None:
            self.events = max(0, place.end - place.handled)
        if not self.events:
            self.caught_up_at = now
        if not self.events or place.moves != self._moves:
            self.moved_at, self._moves = steady, place.moves
        self.seconds = self._late(place.latest, now)

    def _late(self, latest: float | None, now: float) -> float | None:
        """No later than the last record handled, nor than since it was up to date: a quiet hour is no lag."""
        if not self.events:
            return 0.0
        since = [at for at in (latest, self.caught_up_at) if at is not None]
        return max(0.0, now - max(since)) if since else None


class Lags:
    """The partitions that this worker serves, by topic and number."""

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, int], Lag] = {}

    def look(self, places: Mapping[tuple[str, int], Place], now: float, steady: float) -> None:
        """Replace what was known by where each partition stands now."""
        known = self.partitions
        looked = {}
        for tp, place in places.items():
            looked[tp] = known.get(tp) or Lag(moved_at=steady)
            looked[tp].look(place, now, steady)
        self.partitions = looked

    def stuck(self, steady: float, seconds: float) -> list[str]:
        """A sentence for each partition that is behind and has not moved for `seconds`."""
        return [
            f"partition {number} of topic {topic} is {lag.events} events behind and has not moved for "
            f"{steady - lag.moved_at:.0f} s"
            for (topic, number), lag in sorted(self.partitions.items())
            if lag.events and steady - lag.moved_at >= seconds
        ]
