"""Bins of which something may tell of an emptying: marked as it comes in, looked at again by `sensors.emptied`."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, Session, SQLModel, col

from city.database import moment


class Stirred(SQLModel, table=True):
    """A bin of which something may tell of an emptying: `sensors.emptied` looks at it again."""

    __tablename__ = "stirred_bin"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    at: datetime = Field(sa_column=moment(), description="the first such event that was not looked at")
    latest: datetime = Field(sa_column=moment(), description="the last one")
    due_at: datetime = Field(sa_column=moment(index=True), description="when to look; by the city's time")


def stir(session: Session, events: Mapping[str, tuple[datetime, datetime]]) -> None:
    """Mark bins to be looked at again, at once.

    Parameters
    ----------
    events
        By bin, the first and the last event that may tell of an emptying.
    """
    if not events:
        return
    rows = [
        {"bin_id": bin_id, "at": first, "latest": last, "due_at": last}
        for bin_id, (first, last) in sorted(events.items())
    ]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(Stirred)
    lesser, greater = (sa.func.least, sa.func.greatest) if dialect is postgresql else (sa.func.min, sa.func.max)
    marked = insert.on_conflict_do_update(
        index_elements=["bin_id"],
        set_={
            "at": lesser(col(Stirred.at), insert.excluded.at),
            "latest": greater(col(Stirred.latest), insert.excluded.latest),
            "due_at": lesser(col(Stirred.due_at), insert.excluded.due_at),
        },
    )
    session.connection().execute(marked, rows)
