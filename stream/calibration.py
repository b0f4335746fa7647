"""What recent scores of a partition say about a new one: its conformal p-value, down to one in a billion.

p = (1 + #{reference >= score}) / (n + 1) is never below 1 / (n + 1), and 50 alerts a day out of 100 million
events ask for 5e-7. So the reference has levels, each reaching 64 times further back than the one before:

    level 0    every score of the last 64 epochs          32,768 events
    level 1    the 256 highest of each 64 epochs           2 million
    level 2    the 256 highest of each 4,096 epochs       134 million
    level 3    the 256 highest of each 262,144 epochs    8.6 billion

The highest scores are all that a small p-value needs, so a level costs 64 KiB and counts them exactly.
A score's p-value is the largest that any level in use gives it (plus the 1 / (n + 1) of the deepest): when
the stream has just become stranger the recent level keeps p honest, and when it was stranger yesterday
the deeper ones do. Levels deeper than the threshold needs are left out, so that the far past is forgotten.

Conformal p-values: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005, chapter 2.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from stream.days import DAY
from stream.versioned import unpack_head

CHUNKS = 64  # of a level, and the factor between two levels
KEPT = 256  # highest scores of a merged chunk
LEVELS = 4

_VERSION = 1
_HEAD = struct.Struct("<BQQQd")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Scores of one epoch, or the highest of many."""

    sequence: int  # within its level
    events: int  # how many scores it stands for
    seen: int  # scores of the partition up to its end
    at: float  # median event time of its newest epoch, seconds since 1970: no single odd clock moves it
    scores: NDArray[np.float32]  # [events or KEPT] ascending

    @property
    def slot(self) -> int:
        """Its place among the CHUNKS of its level."""
        return self.sequence % CHUNKS

    def pack(self) -> bytes:
        """As `unpack` reads it."""
        head = _HEAD.pack(_VERSION, self.sequence, self.events, self.seen, self.at)
        return head + self.scores.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, value: bytes) -> "Chunk":
        """Raises StateError."""
        sequence, events, seen, at = unpack_head(_HEAD, value, _VERSION, "a chunk of scores")
        scores = np.frombuffer(value, "<f4", offset=_HEAD.size).astype(np.float32)
        return cls(sequence, events, seen, at, scores)


class Level:
    """The last CHUNKS chunks of one level, as one sorted array: made when first asked for, and then kept up."""

    def __init__(self) -> None:
        self._chunks: dict[int, Chunk] = {}  # by slot
        self._sorted: NDArray[np.float32] | None = None
        self.newest: Chunk | None = None
        self.events = 0  # that its scores stand for
        self.kept = 0  # scores
        self.seconds = 0.0  # event time between its first and last chunk, whatever their order
        self.between = 0  # events between those

    def put(self, chunk: Chunk) -> None:
        """Take a chunk, in the place of the one that is CHUNKS older."""
        replaced = self._chunks.get(chunk.slot)
        self._chunks[chunk.slot] = chunk
        if self._sorted is not None:
            kept = self._sorted if replaced is None else without(self._sorted, replaced.scores)
            self._sorted = np.insert(kept, kept.searchsorted(chunk.scores), chunk.scores)
        self._count()

    def drop(self, slot: int) -> None:
        """Forget the chunk in this place, if there is one."""
        if self._chunks.pop(slot, None):
            self._sorted = None
            self._count()

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """In no order."""
        return tuple(self._chunks.values())

    def _count(self) -> None:
        chunks = self._chunks.values()
        self.newest = max(chunks, key=attrgetter("sequence"), default=None)
        self.events = sum(map(attrgetter("events"), chunks))
        self.kept = sum(map(len, map(attrgetter("scores"), chunks)))
        at, seen = list(map(attrgetter("at"), chunks)), list(map(attrgetter("seen"), chunks))
        self.seconds = max(at, default=0.0) - min(at, default=0.0)
        self.between = max(seen, default=0) - min(seen, default=0)

    def at_least(self, score: NDArray[np.float32]) -> NDArray[np.int64]:
        """How many kept scores are not below each `score` [B]; [B]."""
        ordered = self._in_order()
        return len(ordered) - ordered.searchsorted(score)

    def distance(self, score: NDArray[np.float32]) -> float:
        """Kolmogorov-Smirnov distance of scores [B], B > 0, from those that are kept."""
        samples = self._in_order(), np.sort(score)
        every = np.concatenate(samples)
        below = [sample.searchsorted(every, side="right") / len(sample) for sample in samples]
        return float(np.abs(below[0] - below[1]).max())

    def _in_order(self) -> NDArray[np.float32]:
        if self._sorted is None:
            self._sorted = np.sort(np.concatenate([chunk.scores for chunk in self._chunks.values()]))
        return self._sorted

    def merged(self) -> Chunk | None:
        """One chunk of the next level, whenever CHUNKS more have come."""
        newest = self.newest
        if newest is None or (newest.sequence + 1) % CHUNKS:
            return None
        highest = np.sort(np.concatenate([chunk.scores for chunk in self._chunks.values()]))[-KEPT:]
        return Chunk(newest.sequence // CHUNKS, self.events, newest.seen, newest.at, highest)


def without(values: NDArray[np.float32], gone: NDArray[np.float32]) -> NDArray[np.float32]:
    """`values` [N] less `gone` [K], which are among them; all ascending, and of equal ones as many go as are given."""
    nth = np.arange(len(gone)) - gone.searchsorted(gone)  # of its equals
    return np.delete(values, values.searchsorted(gone) + nth)


class Calibration:
    """The reference of one partition. It changes only in `add`, once an epoch, and in `restore` and `drop`."""

    def __init__(self) -> None:
        self._levels = [Level() for _ in range(LEVELS)]

    def add(self, score: NDArray[np.float32], time: NDArray[np.float64]) -> list[tuple[int, Chunk]]:
        """Take the scores [B] and event times [B] of one epoch, B > 0; returns the new (level, chunk)s."""
        newest = self._levels[0].newest
        sequence, seen = (newest.sequence + 1, newest.seen) if newest else (0, 0)
        middle = float(np.sort(time)[len(time) // 2])
        chunk: Chunk | None = Chunk(sequence, len(score), seen + len(score), middle, np.sort(score))
        added: list[tuple[int, Chunk]] = []
        for index, level in enumerate(self._levels):
            if chunk is None:
                break
            level.put(chunk)
            added.append((index, chunk))
            chunk = level.merged()
        return added

    def restore(self, level: int, chunk: Chunk) -> None:
        """Put a chunk back in its level."""
        self._levels[level].put(chunk)

    def drop(self, level: int, slot: int) -> None:
        """Forget the chunk in this place of a level."""
        self._levels[level].drop(slot)

    @property
    def chunks(self) -> list[tuple[int, Chunk]]:
        """All (level, chunk)s."""
        return [(index, chunk) for index, level in enumerate(self._levels) for chunk in level.chunks]

    @property
    def at(self) -> float:
        """Median event time of the newest epoch, seconds since 1970; minus infinity with none."""
        newest = self._levels[0].newest
        return newest.at if newest else -np.inf

    def events_per_day(self) -> float:
        """Pace of the partition in event time, over the shortest level that spans a day, so that a night
        doesn't pass for a slow day; else over the longest there is. NaN: not known yet."""
        longest = (0.0, 0)
        for level in self._in_use(LEVELS):
            longest = max(longest, (level.seconds, level.between))
            if longest[0] >= DAY:
                break
        seconds, events = longest
        return events / seconds * DAY if seconds > 0 else np.nan

    def distance(self, score: NDArray[np.float32]) -> float:
        """Kolmogorov-Smirnov distance of scores [B], B > 0, from the recent ones; 0 with no reference."""
        return self._levels[0].distance(score) if self._levels[0].kept else 0.0

    def depth(self, p: float) -> int:
        """How many levels it takes to tell p-values down to `p`, or as many as there are."""
        levels = list(self._in_use(LEVELS))
        enough = (index for index, level in enumerate(levels, 1) if 1 / (level.events + 1) <= p)
        return next(enough, len(levels))

    def smallest(self, depth: int) -> float:
        """The smallest p-value that this many levels can tell; 1 when there is no reference yet."""
        return 1 / (max((level.events for level in self._in_use(depth)), default=0) + 1)

    def p_value(self, score: NDArray[np.float32], depth: int) -> NDArray[np.float64]:
        """p-value [B] of each score [B] against the first `depth` levels; 1 with no reference."""
        if not depth or not self._levels[0].events:
            return np.ones(len(score))
        recent, *deeper = self._levels[:depth]
        share, events = recent.at_least(score) / (recent.events + 1), recent.events
        for level in deeper:
            events = max(events, level.events)
            tail = np.flatnonzero(share < level.kept / (level.events + 1))  # it can't raise the others
            if len(tail):
                at_least = level.at_least(score[tail])
                share[tail] = np.maximum(share[tail], at_least / (level.events + 1))
        share += 1 / (events + 1)
        return share

    def _in_use(self, depth: int) -> Iterator[Level]:
        return (level for level in self._levels[:depth] if level.events)
