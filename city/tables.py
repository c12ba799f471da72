"""The registry's tables in the order they are written, parents first, and which row of one names a row of another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from city.registry import (
    Bin,
    CalendarDay,
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

if TYPE_CHECKING:
    from city.store import CityData


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the registry.

    Attributes
    ----------
    rows
        The field of `CityData` that holds its rows; also the stem of the file it is imported from.
    model
        What a row is.
    one
        What a single row is called in messages.
    key
        The columns that tell rows apart.
    references
        Columns that name a row of another table: column to that table's `rows`.
    lasting
        Whether an import leaves alone what its files do not mention.
    """

    rows: str
    model: type[SQLModel]
    one: str
    key: tuple[str, ...] = ("id",)
    references: Mapping[str, str] = field(default_factory=dict)
    lasting: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, without a number that only the database gives."""
        return _columns(self.model, self.key)

    @property
    def stored(self) -> sa.Table:
        """The table of the database."""
        stored: sa.Table = self.model.__table__  # type: ignore[attr-defined]
        return stored

    def identity(self, row: Any) -> Any:
        """Return what tells a row apart, be it an object or a row of a result: its key, of several columns a tuple."""
        values = tuple(getattr(row, column) for column in self.key)
        return values[0] if len(values) == 1 else values

    def name(self, row: SQLModel) -> str:
        """Return how messages call a row."""
        return " ".join(str(getattr(row, column)) for column in self.key)


@cache
def _columns(model: type[SQLModel], key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in model.model_fields if name != "id" or name in key)


TABLES = (
    Table("districts", District, "district"),
    Table("stream_rules", StreamRule, "stream rule", key=("stream",)),
    Table("points", CollectionPoint, "collection point", references={"district_id": "districts"}),
    Table("bins", Bin, "bin", references={"point_id": "points"}),
    Table("facilities", Facility, "facility", references={"district_id": "districts"}),
    Table("trucks", Truck, "truck", references={"district_id": "districts", "depot_id": "facilities"}),
    Table("shifts", Shift, "shift", references={"district_id": "districts"}),
    Table("crews", Crew, "crew", references={"district_id": "districts", "shift_id": "shifts", "truck_id": "trucks"}),
    Table("closures", Closure, "closure", key=("kind", "subject_id", "starts_at"), lasting=True),
    Table(
        "calendar_days",
        CalendarDay,
        "calendar day",
        key=("day", "kind", "district_id"),
        references={"district_id": "districts"},
        lasting=True,
    ),
    Table(
        "weather_days",
        WeatherDay,
        "weather of a day",
        key=("day", "district_id"),
        references={"district_id": "districts"},
        lasting=True,
    ),
)
BY_ROWS = {table.rows: table for table in TABLES}


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """A row that cannot stand in the registry: its key is there twice, or it names a row that is not there.

    Attributes
    ----------
    table, row
        The row, and where it belongs.
    column, value
        The reference that leads nowhere; empty for a key that is there twice.
    target
        The table that lacks the row named; ``None`` for a key that is there twice.
    """

    table: Table
    row: SQLModel
    column: str = ""
    value: Any = None
    target: Table | None = None

    def __str__(self) -> str:
        """Say it in a sentence."""
        subject = f"{self.table.one} {self.table.name(self.row)}"
        if self.target is None:
            return f"{subject} is there twice"
        return f"{subject} has {self.column} {self.value}, and there is no such {self.target.one}"


def inconsistencies(data: "CityData") -> Iterator[Inconsistency]:
    """Find rows that cannot be stored, parents first. Of rows with one key the first is the good one.

    A row that is faulty itself does not count as there: what names it is faulty too.
    """
    known: dict[str, set[Any]] = {}
    for table in TABLES:
        there = known[table.rows] = set()
        for row in getattr(data, table.rows):
            identity = table.identity(row)
            found = Inconsistency(table, row) if identity in there else lost_reference(table, row, known)
            if found:
                yield found
            else:
                there.add(identity)


def lost_reference(table: Table, row: SQLModel, known: Mapping[str, set[Any]]) -> Inconsistency | None:
    """Return the first reference of a row to none of the `known` identities of that table, if there is one."""
    for column, target in table.references.items():
        value = getattr(row, column)
        # Left out, a reference is to no row: a truck's never, a facility's and a calendar day's to the whole city.
        if value != table.model.model_fields[column].default and value not in known[target]:
            return Inconsistency(table, row, column, value, BY_ROWS[target])
    return None
