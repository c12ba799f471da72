"""How much slower streets are by the hour of the day: factors by road class, for working days and days off."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import numpy as np

from city.hours import Span
from city.network import RoadClass
from routing.errors import RoutingError

HOUR_S = 3600
HOURS = 24

# Monday is 0.
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many times as long streets take in each hour of the day, by road class; classes left out are never slower.

    Attributes
    ----------
    workday, day_off
        24 factors for each class, from the hour that begins at midnight; days off are Saturday and Sunday.

    Raises
    ------
    RoutingError
        If there are not 24 factors or one is not a positive number, naming the class.
    """

    workday: Mapping[RoadClass, tuple[float, ...]]
    day_off: Mapping[RoadClass, tuple[float, ...]]

    def __post_init__(self) -> None:
        for day, table in (("workday", self.workday), ("day_off", self.day_off)):
            for road_class, factors in table.items():
                if len(factors) != HOURS or not all(np.isfinite(factor) and factor > 0 for factor in factors):
                    raise RoutingError(
                        f"traffic has {factors} for {road_class.name} on a {day}; give {HOURS} positive factors"
                    )

    def during(self, service_date: date, span: Span) -> dict[RoadClass, float]:
        """Return the mean factor of each class over a span of a service day, which may run into the next days.

        The mean of factors over time is how much longer a way takes on average to who sets out at any moment of it.
        """
        hours = range(span.start_s // HOUR_S, -(-span.end_s // HOUR_S))
        shares = np.array([min(span.end_s, (h + 1) * HOUR_S) - max(span.start_s, h * HOUR_S) for h in hours], float)
        if not shares.sum() > 0:
            raise RoutingError(f"traffic is asked for from second {span.start_s} to {span.end_s}, which is no time")
        found = {}
        for road_class in RoadClass:
            factors = [self._factor(road_class, service_date, hour) for hour in hours]
            found[road_class] = float(np.average(factors, weights=shares))
        return found

    def _factor(self, road_class: RoadClass, service_date: date, hour: int) -> float:
        day = service_date + timedelta(days=hour // HOURS)
        table = self.day_off if day.weekday() >= SATURDAY else self.workday
        factors = table.get(road_class)
        return factors[hour % HOURS] if factors else 1.0


# How much of the peak's delay there is in each hour: the shape is an assumption, two peaks after the hours of work.
_WORKDAY_SHAPE = (0, 0, 0, 0, 0, 0, 0.2, 0.7, 1, 0.7, 0.3, 0.2, 0.2, 0.2, 0.25, 0.35, 0.6, 1, 1, 0.5, 0.2, 0, 0, 0)
_DAY_OFF_SHAPE = (*(0,) * 8, 0.1, 0.2, *(0.35,) * 9, 0.3, 0.1, 0, 0, 0)

# In the rush hour a way in Shanghai took cars 1.94 times as long as at other times (AutoNavi's jam index for the first
# quarter of 2016, https://archive.shine.cn/metro/society/Gridlock-reduced-for-a-while/shdaily.shtml). A truck is held
# up by the same queue but loses less, for it is slower on an open road: nine tenths of a car's speed (`profile`).
_PEAK_DELAY = 1.94 * 0.9 - 1.0

# Which roads the delay falls on is an assumption: all of it on main roads, half of it on those that feed them, none in
# streets where a truck drives at walking pace or 30 km/h anyway.
_DELAY_SHARE = MappingProxyType(
    {
        RoadClass.MOTORWAY: 1.0,
        RoadClass.TRUNK: 1.0,
        RoadClass.PRIMARY: 1.0,
        RoadClass.SECONDARY: 1.0,
        RoadClass.TERTIARY: 0.5,
        RoadClass.UNCLASSIFIED: 0.5,
    }
)


def _table(shape: tuple[float, ...]) -> dict[RoadClass, tuple[float, ...]]:
    return {
        road_class: tuple(1.0 + _PEAK_DELAY * share * hour for hour in shape)
        for road_class, share in _DELAY_SHARE.items()
    }


# A large city until it has figures of its own.
CITY_TRAFFIC = Traffic(_table(_WORKDAY_SHAPE), _table(_DAY_OFF_SHAPE))

# The same at all hours.
NO_TRAFFIC = Traffic({}, {})


def read_traffic(path: Path) -> Traffic:
    """Read a city's own figures from a TOML file: tables ``workday`` and ``day_off``, a row of 24 factors by class.

    Raises
    ------
    RoutingError
        If it cannot be read, or names a class that there is none of.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        days = [
            {RoadClass[name.upper()]: tuple(map(float, factors)) for name, factors in tables.get(day, {}).items()}
            for day in ("workday", "day_off")
        ]
    except KeyError as error:
        names = ", ".join(road_class.name.lower() for road_class in RoadClass)
        raise RoutingError(f"{path}: there is no road class {error}; there are {names}") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RoutingError(f"{path}: no table of traffic can be read: {error}") from error
    return Traffic(*days)
