"""Pages: at most so many items, and an opaque cursor that says where the next page begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, literal, tuple_

from api.problems import FieldFault, Refusal

PAGE_LIMIT = 200
Item = TypeVar("Item")
Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="most items on a page")]
Cursor = Annotated[
    str | None,
    Query(max_length=500, pattern=r"^[A-Za-z0-9_-]+$", description="`next_cursor` of the page before; nothing else"),
]


class Page(BaseModel, Generic[Item]):
    """Part of a list, in order."""

    items: list[Item]
    next_cursor: str | None = Field(description="ask for the next page with it; none: this was the last")


def start_after(cursor: str | None, *types: type[int] | type[str] | type[datetime]) -> tuple[Any, ...] | None:
    """Read a cursor: the sort key of the last item that was given, or ``None`` for the first page.

    Parameters
    ----------
    types
        What the parts of the key are.

    Raises
    ------
    Refusal
        ``invalid-request`` if the cursor is not one of this list.
    """
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(parts, list) and len(parts) == len(types):
            return tuple(_part(part, kind) for part, kind in zip(parts, types, strict=True))
    except (binascii.Error, ValueError, OverflowError, RecursionError):
        pass
    raise invalid("query", "cursor", "cursor", "is not a cursor that this list gave")


def _part(part: Any, kind: type[int] | type[str] | type[datetime]) -> Any:
    read = datetime.fromisoformat(part) if kind is datetime and isinstance(part, str) else part
    if type(read) is not kind or (isinstance(read, datetime) and read.tzinfo is None) or "\x00" in str(read):
        raise ValueError(part)
    if isinstance(read, int) and abs(read) >= 2**63:
        raise ValueError(part)
    return read.astimezone(UTC) if isinstance(read, datetime) else read


def beyond(columns: Sequence[Any], key: tuple[Any, ...], *, descending: bool = False) -> ColumnElement[bool]:
    """Make the condition that leaves only rows behind a sort key, in the order of the columns."""
    sorted_by = tuple_(*columns)
    last = tuple_(*(literal(part, column.type) for part, column in zip(key, columns, strict=True)))
    return sorted_by < last if descending else sorted_by > last


def cut(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[int | str | datetime, ...]]
) -> tuple[Sequence[Row], str | None]:
    """Cut rows, of which one more than `limit` was read, to a page and the cursor of the next.

    Parameters
    ----------
    key
        The sort key of a row.
    """
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    text = json.dumps(key(page[-1]), separators=(",", ":"), default=datetime.isoformat)
    return page, base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def invalid(where: str, pointer: str, code: str, message: str) -> Refusal:
    """Refuse a request for one field that only the endpoint can judge."""
    fault = FieldFault(where=where, pointer=pointer, code=code, message=message)
    return Refusal(
        "invalid-request", members={"errors": [fault.model_dump()]}, count=1, first=f"{pointer}: {message}"
    )  # fmt: skip
