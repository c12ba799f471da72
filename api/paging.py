"""Pages: at most so many items, and an opaque cursor that says where the next page begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

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


def start_after(cursor: str | None, *types: type[int] | type[str]) -> tuple[Any, ...] | None:
    """Read a cursor: the sort key of the last item that was given, or ``None`` for the first page.

    Raises
    ------
    Refusal
        ``invalid-request`` if the cursor is not one of ours.
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(key, list) and [type(part) for part in key] == list(types):
            return tuple(key)
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise invalid("query", "cursor", "cursor", "is not a cursor that this list gave")


def cut(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[int | str, ...]]
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
    text = json.dumps(key(page[-1]), separators=(",", ":"))
    return page, base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def invalid(where: str, pointer: str, code: str, message: str) -> Refusal:
    """Refuse a request for one field that only the endpoint can judge."""
    fault = FieldFault(where=where, pointer=pointer, code=code, message=message)
    return Refusal(
        "invalid-request", members={"errors": [fault.model_dump()]}, count=1, first=f"{pointer}: {message}"
    )  # fmt: skip
