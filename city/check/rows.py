"""Whether every row can be read and names rows that are there and in use."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from city.check.finding import Finding
from city.hours import parse_hours
from city.registry import ClosureKind
from city.store import CityData
from city.streams import parse_streams
from city.tables import BY_ROWS, TABLES, inconsistencies

# What is worth a finding of its own when the city has none of it.
NEEDED = ("districts", "points", "bins", "facilities", "trucks", "shifts", "crews")


def row_findings(data: CityData) -> Iterator[Finding]:
    """Find tables without rows, rows that cannot be read, and rows that name what is not there or not in use."""
    try:
        ZoneInfo(data.city.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Finding("bad_timezone", "city", data.city.name, {"value": data.city.timezone})
    if not len(data.network.segment_id):
        yield Finding("no_roads", "city", data.city.name)
    for rows in NEEDED:
        if not any(_active(data, rows)):
            yield Finding(f"no_{rows}", "city", data.city.name)
    for fault in inconsistencies(data):
        subject = fault.table.name(fault.row)
        if fault.target is None:
            yield Finding("twice", fault.table.rows, subject)
        else:
            named = {"target": fault.target.rows, "target_id": fault.value}
            yield Finding("names_missing", fault.table.rows, subject, named)
    yield from _unreadable(data)
    yield from _named_but_retired(data)
    yield from _closures_of_nothing(data)


def _active(data: CityData, rows: str) -> Iterator[Any]:
    return (row for row in getattr(data, rows) if row.active)


def _unreadable(data: CityData) -> Iterator[Finding]:
    for rows in ("points", "facilities", "shifts"):
        for row in _active(data, rows):
            try:
                spans = parse_hours(row.hours)
            except ValueError:
                yield Finding("bad_hours", rows, row.id, {"value": row.hours})
                continue
            if rows == "shifts" and len(spans) != 1:
                yield Finding("shift_hours_not_one_span", rows, row.id, {"value": row.hours})
    for row in _active(data, "shifts"):
        try:
            one_span = len(parse_hours(row.break_hours)) <= 1
        except ValueError:
            one_span = False
        if not one_span:
            yield Finding("bad_hours", "shifts", row.id, {"value": row.break_hours})
    for rows in ("facilities", "trucks"):
        for row in _active(data, rows):
            try:
                parse_streams(row.streams)
            except ValueError:
                yield Finding("bad_streams", rows, row.id, {"value": row.streams})


def _named_but_retired(data: CityData) -> Iterator[Finding]:
    retired = {
        table.rows: {table.identity(row) for row in getattr(data, table.rows) if not row.active}
        for table in TABLES
        if "active" in table.columns
    }
    for table in TABLES:
        for column, target in table.references.items():
            code = "bin_at_retired_point" if table.rows == "bins" else "names_retired"
            for row in getattr(data, table.rows):
                if getattr(row, "active", True) and getattr(row, column) in retired[target]:
                    named = {"target": BY_ROWS[target].rows, "target_id": getattr(row, column)}
                    yield Finding(code, table.rows, table.name(row), named)


def _closures_of_nothing(data: CityData) -> Iterator[Finding]:
    known = {
        ClosureKind.ROAD: {str(way) for way in set(data.network.way_id.tolist())},
        ClosureKind.POINT: {row.id for row in data.points},
        ClosureKind.FACILITY: {row.id for row in data.facilities},
        ClosureKind.TRUCK: {row.id for row in data.trucks},
    }
    for row in data.closures:
        if row.subject_id not in known[ClosureKind(row.kind)]:
            yield Finding("closure_of_nothing", "closures", f"{row.kind} {row.subject_id}")
