"""The fixed schedule a city lived by before: every so many days, at the same hour, whatever is in the bins."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from city.hours import service_moment
from city.streams import Stream
from scenarios.chance import key_of
from scenarios.hours import HOUR_S, LocalHour

EVERY_DAYS = {Stream.DRY: 2, Stream.WET: 1, Stream.RECYCLABLE: 4, Stream.HAZARDOUS: 28}
# Local hours at which the rounds of a day come by.
ROUNDS = (7, 9, 11, 13)


class Turn(NamedTuple):
    """When a stop is served: on days that leave this remainder, at this local hour."""

    every_days: int
    remainder: int
    hour: int

    def is_now(self, when: LocalHour) -> bool:
        """Whether the stop is served in a local hour."""
        return when.hour == self.hour and when.day % self.every_days == self.remainder

    def last_before(self, before: datetime, timezone: ZoneInfo) -> datetime:
        """Return when the stop was last served before a moment."""
        today = before.astimezone(timezone).date()
        for days in range(self.every_days + 1):
            day = today - timedelta(days=days)
            at = service_moment(day, self.hour * HOUR_S, timezone)
            if day.toordinal() % self.every_days == self.remainder and at < before:
                return at
        raise AssertionError("a stop has a turn every so many days")


def turn_of(point_id: str, stream: Stream) -> Turn:
    """Return the turn of a stop. All streams of a point come by at the same hour."""
    key = key_of(point_id)
    every_days = EVERY_DAYS[stream]
    return Turn(every_days, key % every_days, ROUNDS[key // 1000 % len(ROUNDS)])
