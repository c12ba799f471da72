"""Lifts: every time a truck lifted a bin, with its tag and what was weighed."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import col, func, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import QueryId, Since, Until
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import refusals
from city.database import reading
from city.registry import Bin, CollectionPoint, Truck
from sensors.telemetry import LiftRecord

router = APIRouter(tags=["telemetry"])


class LiftView(BaseModel):
    """A bin was lifted into a truck."""

    truck_id: str
    bin_id: str | None = Field(description="none: the reader saw no tag")
    at: datetime
    tag: str = Field(description="as the reader said it; empty: it saw none", examples=["E2000017221101441890"])
    gross_kg: float | None = Field(description="the bin before it was emptied")
    tare_kg: float | None = Field(description="the bin after it was emptied")
    net_kg: float | None = Field(description="what it held, where the scales say it themselves")
    weight_kg: float | None = Field(description="what it held, as the weighings say; none: not weighed", examples=[8.5])
    lon: float | None = Field(description="WGS 84")
    lat: float | None


@router.get("/lifts", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_lifts(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_CITY)],
    district: QueryId = None,
    bin: QueryId = None,  # noqa: A002 - the word of the interface
    truck: QueryId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[LiftView]:
    """List the lifts in the caller's districts, the latest first.

    A lift is of its bin's district; of its truck's, where the bin is not known.
    """
    allowed = principal.within(Permission.READ_CITY, district)
    key = (col(LiftRecord.at), col(LiftRecord.truck_id), col(LiftRecord.lift_key))
    query = select(LiftRecord).order_by(*(column.desc() for column in key)).limit(limit + 1)
    if allowed is not None:
        query = (
            query.join(Truck, col(Truck.id) == col(LiftRecord.truck_id))
            .outerjoin(Bin, col(Bin.id) == col(LiftRecord.bin_id))
            .outerjoin(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
            .where(func.coalesce(col(CollectionPoint.district_id), col(Truck.district_id)).in_(allowed))
        )
    if bin is not None:
        query = query.where(LiftRecord.bin_id == bin)
    if truck is not None:
        query = query.where(LiftRecord.truck_id == truck)
    if since is not None:
        query = query.where(col(LiftRecord.at) >= since)
    if until is not None:
        query = query.where(col(LiftRecord.at) < until)
    after = start_after(cursor, datetime, str, str)
    if after is not None:
        query = query.where(beyond(key, after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.at, row.truck_id, row.lift_key))
    return Page(items=[LiftView.model_validate(row, from_attributes=True) for row in page], next_cursor=next_cursor)
