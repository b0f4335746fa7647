"""A day's alert budget as a token bucket on event time."""

import struct

import numpy as np

from stream.days import DAY, HOUR
from stream.versioned import unpack_head

HOURS = 24

_VERSION = 1
_HEAD = struct.Struct("<Bddq")


class Budget:
    """Holds at most half a day's alerts (at least one) and fills up by a day's alerts a day.

    Half a day, because strange events come in clusters that deserve more than the average pace, and
    because a flood must leave something for the rest of the day: after the worst burst there is again
    an alert every 1 / per_day days. Any 24 hours see at most 1.5 budgets, any month one a day.
    """

    def __init__(self, per_day: float) -> None:
        self._per_day = per_day
        self._capacity = max(1.0, per_day / 2)
        self._tokens = self._capacity
        self._clock = -float("inf")  # latest event time that was asked for, seconds since 1970
        self._hour = 0  # of the clock, since 1970
        # In the clock's hour and those before it, hour h at h % HOURS.
        self._spent = np.zeros(HOURS, np.uint32)

    def take(self, time: float) -> bool:
        """Spend one alert at event time `time` (seconds since 1970); False: the budget is used up."""
        passed = time - self._clock
        if passed > 0:
            self._tokens = min(self._capacity, self._tokens + passed / DAY * self._per_day)
        # A day backwards: an event with a wrong time had set the clock, which must not stand still till then.
        if passed > 0 or passed < -DAY:
            self._clock = time
            self._turn(int(time // HOUR))
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self._spent[self._hour % HOURS] += 1
        return True

    def _turn(self, hour: int) -> None:
        """Forget what was spent more than a day before this hour, or after it."""
        passed = hour - self._hour
        fresh = HOURS if passed < 0 else min(passed, HOURS)
        self._spent[(hour - np.arange(fresh)) % HOURS] = 0
        self._hour = hour

    def use(self, now: float) -> float:
        """What was spent in the 24 hours of the clock up to event time `now`, as a share of a day's budget."""
        now = max(now, self._clock)
        hours = np.arange(self._hour - HOURS + 1, self._hour + 1)
        recent = hours[hours > now // HOUR - HOURS]
        return int(self._spent[recent % HOURS].sum()) / self._per_day

    def pack(self) -> bytes:
        """As `restore` reads it."""
        head = _HEAD.pack(_VERSION, self._tokens, self._clock, self._hour)
        return head + self._spent.astype("<u4").tobytes()

    def restore(self, value: bytes) -> None:
        """Go on from what `pack` gave. Raises StateError."""
        self._tokens, self._clock, self._hour = unpack_head(_HEAD, value, _VERSION, "the alert budget")
        self._spent = np.frombuffer(value, "<u4", offset=_HEAD.size).astype(np.uint32)
