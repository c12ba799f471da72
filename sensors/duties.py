"""Duties, which are alarms and work orders: one for each cause however many see it, and moved on only as seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from sensors.bulk import chunks


class Duty(Protocol):
    """What somebody is to see to."""

    id: int | None
    version: int


AnyDuty = TypeVar("AnyDuty", bound=Duty)


def begin(
    session: Session, kind: type[AnyDuty], rows: Sequence[Mapping[str, Any]], *, once: Sequence[str], while_: Any
) -> list[AnyDuty]:
    """Insert duties, but for those that are there already, whoever else is inserting them right now.

    Parameters
    ----------
    rows
        Values by column, all of the same columns.
    once, while_
        Columns and condition of the table's unique index that allows no second one.

    Returns
    -------
    list
        Those that were inserted, by id within each statement.
    """
    table = sa.inspect(kind).local_table
    insert = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(table)
    statement = insert.on_conflict_do_nothing(index_elements=once, index_where=while_).returning(table.c.id)
    begun: list[AnyDuty] = []
    for chunk in chunks(rows):
        ids = [row.id for row in session.connection().execute(statement, chunk)]
        begun += session.execute(sa.select(kind).where(table.c.id.in_(ids)).order_by(table.c.id)).scalars()
    return begun


def step_as_seen(
    session: Session, duty: Duty, version: int, values: Mapping[str, Any], *where: sa.ColumnElement[bool]
) -> bool:
    """Change a duty if it is at the version somebody saw and a condition holds, and read it again in any case.

    Returns
    -------
    bool
        Whether it was changed; of many at once one is.
    """
    table = sa.inspect(type(duty)).local_table
    changed = session.connection().execute(
        sa.update(table)
        .where(table.c.id == duty.id, table.c.version == version, *where)
        .values(**values, version=version + 1)
    )
    session.refresh(duty)
    return changed.rowcount == 1
