"""Many rows in one statement: a JSON document goes to the database, which makes rows of it.

On PostgreSQL that costs the client a twentieth of binding each value and saves a round trip for every row; SQLite has
no round trips, so there rows are written value by value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine
from sqlmodel import Session, SQLModel

from city.database import UtcDateTime

Row = Mapping[str, Any]
Item = TypeVar("Item")

# Of ``2026-03-01 06:30:00.000000``; what follows is the offset, which SQLite does not keep.
LENGTH_OF_MOMENT = 26

# Values of one list or rows of one statement; SQLite takes no more than 32,766 values in one.
CHUNK = 1_000

_DOCUMENT = sa.bindparam("document", type_=sa.Text())


def given(session: Session, **columns: TypeEngine[Any]) -> sa.FromClause:
    """Return a table of rows that come with the statement; pass them as ``document(session, rows)``.

    Parameters
    ----------
    columns
        Name and type of each column.
    """
    if _is_postgresql(session):
        return _recordset(columns)
    each = sa.func.json_each(_DOCUMENT).table_valued("value", name="each")
    return sa.select(
        *(sa.func.json_extract(each.c.value, f"$.{name}", type_=kind).label(name) for name, kind in columns.items())
    ).subquery("given")


def document(session: Session, rows: Sequence[Row]) -> dict[str, str]:
    """Write rows as the parameter of a statement over `given`, moments as the database keeps them."""
    if _is_postgresql(session):
        # PostgreSQL has no text with a NUL in it; what strangers send may.
        return {"document": orjson.dumps(rows).replace(b"\\u0000", b"\\ufffd").decode()}
    return {"document": orjson.dumps(rows, default=_in_sqlite, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()}


def _in_sqlite(value: object) -> str:
    """Write a moment or a day as SQLAlchemy writes it there, so that the texts compare."""
    if isinstance(value, datetime):
        return _moment_in_sqlite(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} is nothing that a row holds")


def _moment_in_sqlite(value: datetime) -> str:
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:LENGTH_OF_MOMENT]


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[Sequence[Item]]:
    """Cut what is too much for one statement into parts."""
    return (items[start : start + size] for start in range(0, len(items), size))


def insert_new(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns, and pass over those whose key is there already."""
    _insert(session, model, rows, update=())


def insert_or_update(session: Session, model: type[SQLModel], rows: Sequence[Row], update: Sequence[str]) -> None:
    """Insert rows, all with the same columns; where the key is there already, change some of its columns instead."""
    _insert(session, model, rows, update=tuple(update))


def update_rows(session: Session, model: type[SQLModel], rows: Sequence[Row]) -> None:
    """Change the columns that rows name, all the same, of those with their primary keys."""
    if not rows:
        return
    table = _table(model)
    keys = tuple(column.name for column in table.primary_key)
    changed = tuple(name for name in rows[0] if name not in keys)
    if _is_postgresql(session):
        session.connection().execute(_update_given(table, keys, changed), document(session, rows))
        return
    values = ", ".join(f"{name} = ?" for name in changed)
    statement = f"UPDATE {table.name} SET {values} WHERE {' AND '.join(f'{key} = ?' for key in keys)}"
    session.connection().exec_driver_sql(statement, _bound(table, (*changed, *keys), rows))


def _insert(session: Session, model: type[SQLModel], rows: Sequence[Row], update: tuple[str, ...]) -> None:
    if not rows:
        return
    table, names = _table(model), tuple(rows[0])
    if _is_postgresql(session):
        session.connection().execute(_insert_given(table, names, update), document(session, rows))
        return
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    keys = ", ".join(column.name for column in table.primary_key)
    changes = ", ".join(f"{name} = excluded.{name}" for name in update)
    statement += f" ON CONFLICT ({keys}) DO " + (f"UPDATE SET {changes}" if update else "NOTHING")
    session.connection().exec_driver_sql(statement, _bound(table, names, rows))


def _bound(table: sa.Table, names: Sequence[str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Write values as SQLAlchemy writes them to SQLite, at a tenth of its cost: this runs for every reading."""
    columns: list[list[Any]] = []
    for name in names:
        values = [row[name] for row in rows]
        write = _writer(table.c[name].type)
        columns.append(values if write is None else [None if value is None else write(value) for value in values])
    return list(zip(*columns, strict=True))


def _writer(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcDateTime):
        return _moment_in_sqlite
    if isinstance(kind, sa.Date):
        return date.isoformat
    if isinstance(kind, sa.JSON):
        return lambda value: orjson.dumps(value).decode()
    if isinstance(kind, sa.Enum):
        # The driver looks long for what to do with a word that is not exactly a text.
        return str
    return None


@cache
def _insert_given(table: sa.Table, names: tuple[str, ...], update: tuple[str, ...]) -> sa.Insert:
    rows = _recordset({name: table.c[name].type for name in names})
    insert = postgresql.insert(table).from_select(names, sa.select(*(rows.c[name] for name in names)))
    if not update:
        return insert.on_conflict_do_nothing()
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: insert.excluded[name] for name in update},
    )


@cache
def _update_given(table: sa.Table, keys: tuple[str, ...], changed: tuple[str, ...]) -> sa.Update:
    rows = _recordset({name: table.c[name].type for name in (*keys, *changed)})
    return (
        sa.update(table)
        .where(*(table.c[key] == rows.c[key] for key in keys))
        .values({name: rows.c[name] for name in changed})
    )


def _recordset(columns: Mapping[str, TypeEngine[Any]]) -> sa.FromClause:
    """Let PostgreSQL make rows of the document."""
    return (
        sa.func.json_to_recordset(sa.cast(_DOCUMENT, postgresql.JSON))
        .table_valued(*(sa.column(name, kind) for name, kind in columns.items()))
        .render_derived(name="given", with_types=True)
    )


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _table(model: type[SQLModel]) -> sa.Table:
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    return table
