"""The calendar: which days are special, where, and in which way; from the city's own list and from its weather."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from city.registry import CalendarDay, DayKind, WeatherDay
from city.store import zone_of

# Weather that keeps people at home or brings them out; "frost" has it all day.
RAINY_MM, HOT_C, FROSTY_C = 5.0, 25.0, 0.0


@dataclass(frozen=True, slots=True)
class Calendar:
    """The special days of a while.

    Parameters
    ----------
    zone
        The city's: where its days begin.
    days
        What is special, by day and district; an empty district is the whole city.
    """

    zone: ZoneInfo
    days: Mapping[tuple[date, str], frozenset[DayKind]]

    def kinds(self, day: date, district_id: str) -> frozenset[DayKind]:
        """Return what is special about a day in a district."""
        nothing: frozenset[DayKind] = frozenset()
        return self.days.get((day, ""), nothing) | self.days.get((day, district_id), nothing)

    def begins_s(self, day: date) -> float:
        """Return when a day begins, seconds since 1970."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()


def read_calendar(session: Session, first: date, last: date) -> Calendar | None:
    """Read the special days from one day to another, both included; none if there is not one."""
    days: dict[tuple[date, str], frozenset[DayKind]] = {}
    listed = select(CalendarDay).where(col(CalendarDay.day).between(first, last), col(CalendarDay.active))
    for row in session.exec(listed):
        key = row.day, row.district_id
        days[key] = days.get(key, frozenset()) | {DayKind(row.kind)}
    for weather in session.exec(select(WeatherDay).where(col(WeatherDay.day).between(first, last))):
        key = weather.day, weather.district_id
        days[key] = days.get(key, frozenset()) | kinds_of_weather(weather.rain_mm, weather.mean_c)
    days = {key: kinds for key, kinds in days.items() if kinds}
    return Calendar(zone_of(session), days) if days else None


def kinds_of_weather(rain_mm: float | None, mean_c: float | None) -> frozenset[DayKind]:
    """Return what is special about a day of such weather."""
    told = {
        DayKind.RAIN: rain_mm is not None and rain_mm >= RAINY_MM,
        DayKind.HOT: mean_c is not None and mean_c >= HOT_C,
        DayKind.FROST: mean_c is not None and mean_c <= FROSTY_C,
    }
    return frozenset(kind for kind, is_so in told.items() if is_so)


def days_between(first: date, last: date) -> list[date]:
    """Return every day from one to another, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
