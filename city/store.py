"""A whole city as a value, written to the database in one transaction and read back.

Saving over a city brings the registry up to date. Dispatches, service records and telemetry refer to its rows, so
what is gone from the city is marked inactive, never deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, and_, bindparam, delete, insert, text, update
from sqlmodel import Session, select

from city.canonical import canonical, version_of
from city.changes import CITY, Changes, Row, TableChange, compare
from city.database import transaction
from city.errors import CityError
from city.network import RoadNetwork
from city.registry import (
    Bin,
    CalendarDay,
    City,
    Closure,
    CollectionPoint,
    Crew,
    District,
    Facility,
    Shift,
    StreamRule,
    Truck,
    WeatherDay,
)
from city.street_rows import Box, load_network, write_network
from city.tables import TABLES, Table, inconsistencies

__all__ = [
    "Box",
    "Changes",
    "CityData",
    "changes",
    "city_of",
    "load",
    "load_network",
    "load_table",
    "save",
    "write",
    "zone_of",
]

# Rows handed to the database at a time: enough to be fast, few enough to stay small.
CHUNK = 10_000

# Losing more of the collection points than this in one go is far more often a wrong file than a city that shrank.
LARGEST_LOSS = 0.5


@dataclass
class CityData:
    """Everything the registry holds, before it is stored."""

    city: City
    network: RoadNetwork
    districts: list[District] = field(default_factory=list)
    stream_rules: list[StreamRule] = field(default_factory=list)
    points: list[CollectionPoint] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)
    facilities: list[Facility] = field(default_factory=list)
    trucks: list[Truck] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    crews: list[Crew] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)
    calendar_days: list[CalendarDay] = field(default_factory=list)
    weather_days: list[WeatherDay] = field(default_factory=list)


def save(engine: Engine, data: CityData, *, replace: bool = False) -> Changes:
    """Make the registry hold this city, in one transaction: all of it or nothing.

    Parameters
    ----------
    engine
        A database with the current schema.
    data
        The whole city. Rows of the registry that are not in it become inactive; closures stay.
    replace
        Also allow what looks like another city: one that lacks most collection points of the present one.

    Returns
    -------
    Changes
        What was added, changed and retired.

    Raises
    ------
    CityError
        If a row is there twice or names a row that is not there, if the road network is broken, or if most points
        would be retired without `replace`. Nothing is written then.
    """
    with transaction(engine) as session:
        return write(session, data, replace=replace)


def keep_other_writers_out(session: Session) -> None:
    """Let nobody else change the registry until the transaction ends; call it before reading what will be changed.

    Two writers at once would each retire what the other adds. Readers are not kept waiting. On SQLite a writing
    transaction is alone from its beginning.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE city IN EXCLUSIVE MODE"))


def write(session: Session, data: CityData, *, replace: bool = False) -> Changes:
    """Do what `save` does, in the caller's transaction."""
    keep_other_writers_out(session)
    network = canonical(data.network)
    found = _changes(session, data, version_of(network), replace=replace)
    for change in found:
        _apply(session, change)
    if found.roads:
        write_network(session, network)
    return found


def changes(session: Session, data: CityData, *, replace: bool = False) -> Changes:
    """Say what `save` would change, without changing it; refuse what it would refuse."""
    return _changes(session, data, version_of(canonical(data.network)), replace=replace)


def _changes(session: Session, data: CityData, version: str, *, replace: bool) -> Changes:
    wrong = next(inconsistencies(data), None)
    if wrong is not None:
        raise CityError(f"{wrong}; mend it and save the city again")
    city = City(id=1, name=data.city.name, timezone=data.city.timezone, source=data.city.source, roads_version=version)
    known = session.exec(select(City.roads_version)).first()
    tables = (compare(session, CITY, [city]), *(compare(session, table, getattr(data, table.rows)) for table in TABLES))
    found = Changes(tables, known != version)
    if not replace:
        _must_be_the_same_city(found)
    return found


def load(session: Session) -> CityData:
    """Read the whole city back, inactive rows included, in the order of their keys.

    Raises
    ------
    CityError
        If there is no city yet.
    """
    city = city_of(session)
    rows: dict[str, Any] = {table.rows: load_table(session, table) for table in TABLES}
    return CityData(city=city, network=load_network(session), **rows)


def load_table(session: Session, table: Table) -> list[Any]:
    """Read one table of the registry, inactive rows included, in the order of its key."""
    # Not by the database: PostgreSQL would go by the collation it was set up with.
    return sorted(session.exec(select(table.model)), key=table.identity)


def city_of(session: Session) -> City:
    """Return the one city of this database.

    Raises
    ------
    CityError
        If there is none yet.
    """
    city = session.get(City, 1)
    if city is None:
        raise CityError("there is no city in this database yet; run 'dustcart city import' or 'dustcart city generate'")
    return city


def zone_of(session: Session) -> ZoneInfo:
    """Return the time zone of the city.

    Raises
    ------
    CityError
        If there is no city yet.
    """
    return ZoneInfo(city_of(session).timezone)


def _must_be_the_same_city(found: Changes) -> None:
    points = next(change for change in found if change.table.rows == "points")
    if len(points.retired) > LARGEST_LOSS * points.in_use:
        raise CityError(
            f"this would retire {len(points.retired)} of the {points.in_use} collection points in use, such as"
            f" {points.retired[0]}; nothing was written. If this is a part of the city, keep what it does not mention"
            " (--keep); if it really is another city, say so (--replace)"
        )


def _apply(session: Session, change: TableChange) -> None:
    table = change.table.stored
    is_it = and_(*(table.c[key] == bindparam(f"is_{key}") for key in change.table.key))
    _run(session, insert(table), change.added)
    values: Row = {
        column: bindparam(f"new_{column}") for column in change.table.columns if column not in change.table.key
    }
    _run(
        session,
        update(table).where(is_it).values(values),
        (
            {f"is_{name}" if name in change.table.key else f"new_{name}": value for name, value in row.items()}
            for row in change.changed
        ),
    )
    retire = update(table).values(active=False) if "active" in table.c else delete(table)
    _run(session, retire.where(is_it), ({f"is_{change.table.key[0]}": identity} for identity in change.retired))


def _run(session: Session, statement: Any, rows: Iterable[Row]) -> None:
    """Run a statement for many rows, a chunk at a time."""
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        session.connection().execute(statement, chunk)
