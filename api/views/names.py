"""The names and places behind ids, read once for a whole answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, SQLModel, col, select

from city.registry import City, CollectionPoint, District, Facility, Shift, Truck
from city.wording import Language, name_in

Row = TypeVar("Row", bound=SQLModel)

# SQLite takes 32,766 variables in a statement, PostgreSQL 65,535.
AT_ONCE = 10_000


class Place(NamedTuple):
    """A named place."""

    name: str
    lon: float
    lat: float


@dataclass(frozen=True)
class Names:
    """Names by id; an id that the registry no longer knows stands for itself."""

    language: Language
    timezone: ZoneInfo
    districts: dict[str, str]
    shifts: dict[str, str]
    points: dict[str, Place]
    facilities: dict[str, Place]
    plates: dict[str, str]
    depots: dict[str, str]


def timezone_of(session: Session) -> ZoneInfo:
    """Return the city's time zone; UTC while there is no city."""
    city = session.get(City, 1)
    return ZoneInfo(city.timezone if city else "UTC")


def read_names(
    session: Session,
    language: Language,
    *,
    points: Iterable[str] = (),
    facilities: Iterable[str] = (),
    trucks: Iterable[str] = (),
) -> Names:
    """Read every district's and shift's name, and those of the given points, facilities, trucks and their depots."""
    fleet = list(_rows(session, Truck, trucks))
    places = {*facilities, *(truck.depot_id for truck in fleet)}
    return Names(
        language=language,
        timezone=timezone_of(session),
        districts={one.id: name_in(language, one.name, one.name_zh) for one in session.exec(select(District))},
        shifts={one.id: name_in(language, one.name, one.name_zh) for one in session.exec(select(Shift))},
        points={one.id: Place(one.name, one.lon, one.lat) for one in _rows(session, CollectionPoint, points)},
        facilities={one.id: Place(one.name, one.lon, one.lat) for one in _rows(session, Facility, places)},
        plates={truck.id: truck.plate for truck in fleet},
        depots={truck.id: truck.depot_id for truck in fleet},
    )


def _rows(session: Session, table: type[Row], ids: Iterable[str]) -> Iterable[Row]:
    wanted = sorted(set(ids))
    key = table.__table__.c.id  # type: ignore[attr-defined]
    for at in range(0, len(wanted), AT_ONCE):
        yield from session.exec(select(table).where(col(key).in_(wanted[at : at + AT_ONCE])))
