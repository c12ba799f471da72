"""A city's rows that are in use, by what they belong to: what every check looks through."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from sqlmodel import SQLModel

from city.hours import Span, parse_hours
from city.registry import Bin, CollectionPoint, Crew, District, Facility, Shift, StreamRule, Truck
from city.store import CityData
from city.streams import Stream, parse_streams

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True)
class InUse:
    """The rows that are active and belong to something active. Rows that cannot be read count as saying nothing.

    Attributes
    ----------
    data
        The whole city.
    districts, points, facilities, trucks, shifts
        By id.
    bins
        Those at points in use.
    crews
        Those with a truck and a shift in use.
    rules
        By stream.
    """

    data: CityData
    districts: dict[str, District]
    points: dict[str, CollectionPoint]
    bins: list[Bin]
    facilities: dict[str, Facility]
    trucks: dict[str, Truck]
    shifts: dict[str, Shift]
    crews: list[Crew]
    rules: dict[Stream, StreamRule]

    @classmethod
    def of(cls, data: CityData) -> "InUse":
        """Pick the rows in use."""
        districts = {row.id: row for row in data.districts if row.active}
        points = {row.id: row for row in data.points if row.active and row.district_id in districts}
        trucks = {row.id: row for row in data.trucks if row.active and row.district_id in districts}
        shifts = {row.id: row for row in data.shifts if row.active and row.district_id in (None, *districts)}
        return cls(
            data,
            districts,
            points,
            [row for row in data.bins if row.active and row.point_id in points],
            {row.id: row for row in data.facilities if row.active},
            trucks,
            shifts,
            [row for row in data.crews if row.active and row.truck_id in trucks and row.shift_id in shifts],
            {row.stream: row for row in data.stream_rules},
        )

    @cached_property
    def points_of(self) -> dict[str, list[CollectionPoint]]:
        """Points by district."""
        return _grouped(self.points.values(), "district_id")

    @cached_property
    def bins_at(self) -> dict[str, list[Bin]]:
        """Bins by point."""
        return _grouped(self.bins, "point_id")

    @cached_property
    def trucks_of(self) -> dict[str, list[Truck]]:
        """Trucks by district."""
        return _grouped(self.trucks.values(), "district_id")

    @cached_property
    def crews_of(self) -> dict[str, list[Crew]]:
        """Crews by district."""
        return _grouped(self.crews, "district_id")

    @cached_property
    def bins_in(self) -> dict[tuple[str, Stream], list[Bin]]:
        """Bins by district and stream."""
        found: dict[tuple[str, Stream], list[Bin]] = defaultdict(list)
        for one in self.bins:
            found[self.points[one.point_id].district_id, one.stream].append(one)
        return found

    @cached_property
    def carriers(self) -> dict[tuple[str, Stream], list[Truck]]:
        """Trucks that have a crew, by the district they work in and the stream they carry."""
        found: dict[tuple[str, Stream], dict[str, Truck]] = defaultdict(dict)
        for crew in self.crews:
            for stream in streams_of(self.trucks[crew.truck_id]):
                found[crew.district_id, stream][crew.truck_id] = self.trucks[crew.truck_id]
        return defaultdict(list, {key: list(trucks.values()) for key, trucks in found.items()})

    def shifts_of(self, district_id: str) -> list[Shift]:
        """Return the shifts that somebody of a district works in."""
        return [self.shifts[shift_id] for shift_id in sorted({crew.shift_id for crew in self.crews_of[district_id]})]


def hours_of(row: CollectionPoint | Facility | Shift) -> tuple[Span, ...]:
    """Return a row's hours; none, which means always, if they cannot be read."""
    try:
        return parse_hours(row.hours)
    except ValueError:
        return ()


def streams_of(row: Facility | Truck) -> frozenset[Stream]:
    """Return a row's streams; none if they cannot be read."""
    try:
        return parse_streams(row.streams)
    except ValueError:
        return frozenset()


def _grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(row)
    return found
