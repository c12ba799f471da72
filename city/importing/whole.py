"""From files to the registry: reads what is given, fills in what the registry knows, and stores the whole at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine
from sqlmodel import Session

from city.database import reading, transaction
from city.errors import CityError
from city.importing.coordinates import parse_crs
from city.importing.merging import Merger
from city.importing.osm import read_roads
from city.importing.records import Records, in_degrees, read_records
from city.importing.report import ImportReport
from city.importing.road_remarks import road_remarks
from city.importing.rows import read_table, unread_columns
from city.importing.sources import CITY as CITY_FILE
from city.importing.sources import PLACED, ROADS, Source, find_sources
from city.journal import record
from city.network import RoadNetwork
from city.registry import City
from city.store import changes, keep_other_writers_out, load_network, write
from city.tables import BY_ROWS

Progress = Callable[[str], object]

# What a file says of the city itself.
CITY_COLUMNS = ("name", "timezone", "source")


@dataclass(frozen=True, slots=True)
class Options:
    """How to read files, and what to do with what they do not mention.

    Attributes
    ----------
    crs
        Coordinate system of files that declare none: ``gcj02``, or a name that PROJ knows; empty: WGS 84.
    encoding
        Of CSV files.
    name, timezone
        Of the city, where no ``city`` file gives them; empty: as they are.
    keep
        Leave rows in use that a file does not mention; otherwise they are retired.
    replace
        Allow another city in the place of this one.
    dry_run
        Say what would change, and change nothing.
    """

    crs: str = ""
    encoding: str = "utf-8"
    name: str = ""
    timezone: str = ""
    keep: bool = False
    replace: bool = False
    dry_run: bool = False


def import_city(
    engine: Engine,
    paths: Sequence[str],
    options: Options | None = None,
    *,
    at: datetime,
    actor: str,
    progress: Progress = lambda _: None,
) -> ImportReport:
    """Bring the registry up to date with files, in one transaction.

    Tables and roads that no file holds stay as they are. Rows that cannot be used are left out and reported; what the
    registry knew of them stays.

    Parameters
    ----------
    engine
        A database with the current schema.
    paths
        Folders and files, as for `find_sources`.
    options
        How to read them.
    at, actor
        When, and who; for the audit record.
    progress
        Is told each file before it is read, and when the city is stored.

    Raises
    ------
    CityError
        If a file cannot be used at all, or the city has no name, time zone or roads. Nothing is written then.
    """
    options = options or Options()
    crs = parse_crs(options.crs) if options.crs else None
    sources, remarks = find_sources(paths)
    with reading(engine) as session:
        present = session.get(City, 1)
    records: dict[str, Records] = {}
    for source in sources:
        if source.holds != ROADS:
            progress(f"reading {source.name}")
            placed = source.holds in PLACED
            read = read_records(source, placed=placed, encoding=options.encoding)
            records[source.holds] = in_degrees(read, crs) if placed else read
    of_city = records.pop(CITY_FILE, None)
    city = _city(of_city, options, present, sources)
    if of_city is not None:
        remarks += unread_columns(of_city, CITY_COLUMNS)
    zone = _zone(city.timezone)
    tables = {holds: read_table(BY_ROWS[holds], read, zone) for holds, read in records.items()}
    roads = None
    for source in sources:
        if source.holds == ROADS:
            progress(f"reading {source.name}")
            roads = read_roads(source.path)
            remarks += road_remarks(source.name, roads)
    progress("bringing the registry up to date")
    with (reading if options.dry_run else transaction)(engine) as session:
        if not options.dry_run:
            keep_other_writers_out(session)
        network = roads.network if roads else _stored_roads(session)
        merger = Merger(tables, keep=options.keep)
        data = merger.merge(session, city, network)
        found = (changes if options.dry_run else write)(session, data, replace=options.replace)
        if found and not options.dry_run:
            summary = {change.table.rows: [len(change.added), change.updated, len(change.retired)] for change in found}
            after = {"files": [source.name for source in sources], "added_updated_retired": summary}
            record(session, at=at, actor=actor, action="city.imported", subject="city/1", after=after)
    return ImportReport(
        found, tuple(merger.exclusions), (*remarks, *merger.remarks), bool(found and not options.dry_run)
    )


def _stored_roads(session: Session) -> RoadNetwork:
    network = load_network(session)
    if not len(network.segment_id):
        raise CityError(
            "the city has no roads yet, and none of the files holds any; add an OpenStreetMap extract (.osm.pbf, .osm)"
        )
    return network


def _city(records: Records | None, options: Options, present: City | None, sources: Sequence[Source]) -> City:
    if records is not None and len(records.rows) > 1:
        raise CityError(f"{records.source.path}: it has {len(records.rows)} rows; a city is one row, name and timezone")
    given = records.rows[0].values if records else {}
    name, timezone = (
        getattr(options, column) or str(given.get(column, "")) or (getattr(present, column) if present else "")
        for column in ("name", "timezone")
    )
    if not name or not timezone:
        raise CityError(
            "the city has no name and time zone yet; give them (--name Shanghai --timezone Asia/Shanghai), or add a"
            " city.csv with the columns name and timezone"
        )
    files = ", ".join(source.name for source in sources)
    known = files if present is None or options.replace else present.source
    return City(id=1, name=name, timezone=timezone, source=str(given.get("source", known)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CityError(f"there is no time zone {name!r}; write it like Asia/Shanghai or Europe/Berlin") from error
