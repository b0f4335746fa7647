"""A day's alert budget as a token bucket on event time."""

from collections import deque

DAY = 86_400.0


class Budget:
    """Holds at most half a day's alerts (at least one) and fills up by a day's alerts a day.

    Half a day, because strange events come in clusters that deserve more than the average pace, and
    because a flood must leave something for the rest of the day: after the worst burst there is again
    an alert every 1 / per_day days. Any 24 hours see at most 1.5 budgets, any month one a day.
    """

    def __init__(self, per_day: float) -> None:
        self._per_day = per_day
        self._capacity = max(1.0, per_day / 2)
        self.tokens = self._capacity
        self.clock = -float("inf")  # latest event time that was asked for, seconds since 1970
        self._taken: deque[float] = deque()  # event times of the last day's; not part of the state

    def take(self, time: float) -> bool:
        """Spend one alert at event time `time` (seconds since 1970); False: the budget is used up."""
        passed = time - self.clock
        if passed > 0:
            self.tokens = min(self._capacity, self.tokens + passed / DAY * self._per_day)
        # A day backwards: an event with a wrong time had set the clock, which must not stand still till then.
        if passed > 0 or passed < -DAY:
            self.clock = time
        if self.tokens < 1:
            return False
        self.tokens -= 1
        self._taken.append(time)
        return True

    @property
    def use(self) -> float:
        """What was spent in the last day of event time, as a share of a day's budget; since the start at most."""
        while self._taken and self._taken[0] <= self.clock - DAY:
            self._taken.popleft()
        return len(self._taken) / self._per_day
