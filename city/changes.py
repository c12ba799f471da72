"""What saving a city changes in the registry, row by row, before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, SQLModel

from city.registry import City
from city.tables import Table

CITY = Table("city", City, "city")

# A row as its columns' values, by column name.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableChange:
    """What happens to one table.

    Attributes
    ----------
    table
        Which one.
    added, changed
        The rows to write.
    retired
        Identities of the rows that were in use and are so no more: marked inactive, or no longer in the city.
    in_use
        How many rows are in use before.
    """

    table: Table
    added: list[Row] = field(repr=False)
    changed: list[Row] = field(repr=False)
    retired: list[Any] = field(repr=False)
    in_use: int

    @property
    def updated(self) -> int:
        """How many rows change and stay in use, or come into use again."""
        return sum(row.get("active", True) for row in self.changed)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.added or self.changed or self.retired)


@dataclass(frozen=True, slots=True)
class Changes:
    """What saving a city changes: the registry's tables, parents first, and whether the roads are others."""

    tables: tuple[TableChange, ...]
    roads: bool

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return self.roads or any(self.tables)

    def __iter__(self) -> Iterator[TableChange]:
        """Go through the tables, parents first."""
        return iter(self.tables)


def compare(session: Session, table: Table, rows: Sequence[SQLModel]) -> TableChange:
    """Compare a table with the rows it is to hold.

    A stored row in use that is not among them, or is marked inactive, is retired; rows of lasting tables never are:
    people close things by hand as well, and a closure or a special day ends by its own date.
    """
    columns = [table.stored.c[column] for column in table.columns]
    stored = {table.identity(row): row for row in session.execute(select(*columns))}
    added, changed = [], []
    still_in_use = set()
    for row in rows:
        identity = table.identity(row)
        if getattr(row, "active", True):
            still_in_use.add(identity)
        values = {column: getattr(row, column) for column in table.columns}
        before = stored.get(identity)
        if before is None:
            added.append(values)
        elif tuple(before) != tuple(values.values()):
            changed.append(values)
    in_use = [identity for identity, row in stored.items() if getattr(row, "active", True)]
    gone = [] if table.lasting else [identity for identity in in_use if identity not in still_in_use]
    return TableChange(table, added, changed, gone, len(in_use))
