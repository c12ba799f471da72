"""Hours counted from the epoch: the grid on which the simulated city draws its chances."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR_S = 3600
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalHour(NamedTuple):
    """How people on the spot call an hour."""

    day: int
    weekday: int
    hour: int


def second_of(moment: datetime) -> float:
    """Return a moment as seconds since the epoch, exact to the microsecond."""
    return (moment - EPOCH) / timedelta(seconds=1)


def moment_of(second: float) -> datetime:
    """Return the moment so many seconds after the epoch."""
    return EPOCH + timedelta(seconds=float(second))


def local_hour(hour: int, timezone: ZoneInfo) -> LocalHour:
    """Return the local day (counted from year 1), weekday (Monday is 0) and hour in which an hour begins."""
    local = moment_of(hour * HOUR_S).astimezone(timezone)
    return LocalHour(local.toordinal(), local.weekday(), local.hour)
