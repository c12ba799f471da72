"""Positions: where each truck was last, and where one truck was over a time."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import PathId, QueryId, Since, Until
from api.paging import Cursor, Limit, Page, cut, start_after
from api.problems import Refusal, refusals
from city.database import reading
from city.registry import Truck
from sensors.telemetry import PositionRecord

router = APIRouter(tags=["telemetry"])
# Whoever sees what a truck is sent out for sees where it is; others have no business with where a crew is.
Watcher = Annotated[Principal, needs(Permission.READ_DISPATCHES)]


class PositionView(BaseModel):
    """Where a truck was."""

    truck_id: str
    at: datetime = Field(description="as its terminal says")
    received_at: datetime = Field(description="when it came in, which may be much later")
    lon: float = Field(description="WGS 84")
    lat: float
    fixed: bool = Field(description="false: no satellites in sight, so the place is a guess of the terminal")
    speed_kmh: float | None
    heading_deg: float | None = Field(description="clockwise from north", examples=[270.0])


@router.get("/trucks/positions", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_latest_positions(
    *,
    context: Here,
    principal: Watcher,
    district: QueryId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PositionView]:
    """List the latest position of each truck of the caller's districts, by truck; one never heard of is left out."""
    allowed = principal.within(Permission.READ_DISPATCHES, district)
    any_of_it = aliased(PositionRecord)
    latest = select(func.max(any_of_it.at)).where(any_of_it.truck_id == Truck.id).scalar_subquery()
    query = (
        select(PositionRecord)
        .join(Truck, (col(Truck.id) == col(PositionRecord.truck_id)) & (col(PositionRecord.at) == latest))
        .where(col(Truck.active))
        .order_by(col(Truck.id))
        .limit(limit + 1)
    )
    if allowed is not None:
        query = query.where(col(Truck.district_id).in_(allowed))
    after = start_after(cursor, str)
    if after is not None:
        query = query.where(col(Truck.id) > after[0])
    with reading(context.engine) as session:
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.truck_id,))
    return Page(items=[_view(row) for row in page], next_cursor=next_cursor)


@router.get(
    "/trucks/{truck_id}/positions", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request")
)
def list_track(
    *,
    context: Here,
    principal: Watcher,
    truck_id: PathId,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PositionView]:
    """List where a truck was, in the order of time."""
    after = start_after(cursor, datetime)
    query = (
        select(PositionRecord)
        .where(PositionRecord.truck_id == truck_id)
        .order_by(col(PositionRecord.at))
        .limit(limit + 1)
    )
    if since is not None:
        query = query.where(col(PositionRecord.at) >= since)
    if until is not None:
        query = query.where(col(PositionRecord.at) < until)
    if after is not None:
        query = query.where(col(PositionRecord.at) > after[0])
    with reading(context.engine) as session:
        truck = session.get(Truck, truck_id)
        if truck is None:
            raise Refusal("not-found")
        principal.require(Permission.READ_DISPATCHES, truck.district_id)
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.at,))
    return Page(items=[_view(row) for row in page], next_cursor=next_cursor)


def _view(row: PositionRecord) -> PositionView:
    return PositionView.model_validate(row, from_attributes=True)
