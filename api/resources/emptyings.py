"""Emptyings: when bins were emptied, who says so, how sure that is, and what contradicts it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import col, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage, QueryId
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import refusals
from city.database import reading
from city.registry import Bin, CollectionPoint
from city.wording import Language
from sensors.emptied import EmptyingRecord, conflict_text
from sensors.emptyings import Conflict, Source

router = APIRouter(tags=["telemetry"])


class ConflictView(BaseModel):
    """How two sources contradict each other."""

    code: Conflict
    text: str = Field(description="the same in the caller's language")


class EmptyingView(BaseModel):
    """A bin was emptied, or somebody says so."""

    bin_id: str
    at: datetime = Field(description="the likeliest moment")
    earliest: datetime
    latest: datetime
    confidence: float = Field(description="probability that it took place; it counts from 0.5 on", examples=[0.97])
    sources: list[Source]
    level_before: float | None = Field(description="as the sensor saw it; none: it saw nothing")
    level_after: float | None
    found_level: float | None = Field(description="as what was weighed tells")
    conflicts: list[ConflictView]


@router.get("/emptyings", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_emptyings(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_CITY)],
    language: InLanguage,
    district: QueryId = None,
    bin: QueryId = None,  # noqa: A002 - the word of the interface
    conflicted: Annotated[
        bool | None, Query(description="only those whose sources contradict each other, or only the others")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EmptyingView]:
    """List the emptyings of the caller's districts, the latest first, those that are not believed included.

    They are looked at anew for some days, as more comes to be known.
    """
    allowed = principal.within(Permission.READ_CITY, district)
    key = (col(EmptyingRecord.at), col(EmptyingRecord.bin_id))
    query = select(EmptyingRecord).order_by(*(column.desc() for column in key)).limit(limit + 1)
    if allowed is not None:
        query = (
            query.join(Bin, col(Bin.id) == col(EmptyingRecord.bin_id))
            .join(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
            .where(col(CollectionPoint.district_id).in_(allowed))
        )
    if bin is not None:
        query = query.where(EmptyingRecord.bin_id == bin)
    if conflicted is not None:
        query = query.where(col(EmptyingRecord.conflicted) == conflicted)
    after = start_after(cursor, datetime, str)
    if after is not None:
        query = query.where(beyond(key, after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.at, row.bin_id))
    return Page(items=[_view(row, language) for row in page], next_cursor=next_cursor)


def _view(row: EmptyingRecord, language: Language) -> EmptyingView:
    conflicts = [
        ConflictView(code=code, text=conflict_text(code, numbers, language)) for code, numbers in row.conflicts
    ]
    return EmptyingView(**row.model_dump(exclude={"conflicts", "conflicted"}), conflicts=conflicts)
