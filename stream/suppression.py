"""Repeats of an entity's alert fold into it, so that one stolen card is one alert and a count."""

import heapq
import struct
from dataclasses import dataclass, replace

from stream.days import DAY
from stream.versioned import unpack_head

_VERSION = 1
_EPISODE = struct.Struct("<BBdQd")


@dataclass(frozen=True, slots=True)
class Related:
    """What was folded since the entity's previous alert."""

    count: int
    first_seen: float | None  # event time of the first, seconds since 1970; None: nothing was folded


@dataclass(frozen=True, slots=True)
class Episode:
    """An entity's latest alert and what was folded since."""

    time: float  # event time of the alert, seconds since 1970
    rank: int  # of its severity: 0 is the least
    related: Related = Related(0, None)

    def pack(self) -> bytes:
        """As `unpack` reads it."""
        first = self.time if self.related.first_seen is None else self.related.first_seen
        return _EPISODE.pack(_VERSION, self.rank, self.time, self.related.count, first)

    @classmethod
    def unpack(cls, value: bytes) -> "Episode":
        """Raises StateError."""
        rank, time, count, first = unpack_head(_EPISODE, value, _VERSION, "an alert episode")
        return cls(time, rank, Related(count, first if count else None))


class Suppression:
    """Episodes of one partition, by entity.

    An episode is remembered for the suppression window, and for a day if something was folded into it, so
    that the entity's next alert can tell. All times are event times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._episodes: dict[str, Episode] = {}
        self._deadlines: list[tuple[float, str]] = []  # a heap; entries that an episode outlived are skipped
        self._touched: dict[str, None] = {}

    def folds(self, entity: str, time: float, rank: int) -> bool:
        """Whether an alert would repeat the entity's latest one; if so it is counted there."""
        episode = self._episodes.get(entity)
        if episode is None or abs(time - episode.time) >= self._seconds or rank > episode.rank:
            return False
        earlier = episode.related.first_seen
        first = time if earlier is None else min(earlier, time)
        self._keep(entity, replace(episode, related=Related(episode.related.count + 1, first)))
        return True

    def open(self, entity: str, time: float, rank: int) -> Related:
        """An alert leaves: a new episode begins. Returns what was folded since the previous one."""
        previous = self._episodes.get(entity)
        self._keep(entity, Episode(time, rank))
        return previous.related if previous else Related(0, None)

    def forget(self, now: float) -> None:
        """Drop the episodes that are over at event time `now`."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, entity = heapq.heappop(self._deadlines)
            episode = self._episodes.get(entity)
            if episode and self._deadline(episode) <= now:
                del self._episodes[entity]
                self._touched[entity] = None

    def changes(self) -> list[tuple[str, Episode | None]]:
        """Entities whose episode changed since the last call; None: forgotten."""
        touched, self._touched = self._touched, {}
        return [(entity, self._episodes.get(entity)) for entity in touched]

    def restore(self, entity: str, episode: Episode | None) -> None:
        """Put an entity's episode back as it was; None: it was forgotten."""
        if episode:
            self._keep(entity, episode)
        else:
            self._episodes.pop(entity, None)
        self._touched.pop(entity, None)

    def _keep(self, entity: str, episode: Episode) -> None:
        self._episodes[entity] = episode
        self._touched[entity] = None
        heapq.heappush(self._deadlines, (self._deadline(episode), entity))

    def _deadline(self, episode: Episode) -> float:
        return episode.time + (max(self._seconds, DAY) if episode.related.count else self._seconds)
