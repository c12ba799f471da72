"""Observations: somebody at a bin says how full it is, in quarters; and what was said so far."""

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints
from sqlmodel import col, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import Body, InLanguage, PathId, QueryId, Since, Until
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import Refusal, refusals
from api.resources.intake import rejected_views
from city.database import reading
from city.registry import Bin, CollectionPoint
from sensors.fields import LONGEST_TEXT
from sensors.intake import receive
from sensors.observation import Seen
from sensors.telemetry import ObservationRecord

router = APIRouter(tags=["telemetry"])

Note = Annotated[str, StringConstraints(max_length=LONGEST_TEXT, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class ObservationBody(Body):
    """What was seen."""

    seen: Seen = Field(description="how full, by eye", examples=["3/4"])
    at: AwareDatetime | None = Field(
        default=None, description="when, with its offset; none: now", examples=["2026-03-03T07:15:00+08:00"]
    )
    note: Note = Field(default="", examples=["lid broken"])


class ObservationView(BaseModel):
    """What is kept of it."""

    bin_id: str
    at: datetime
    seen: Seen
    observer: str = Field(description="who saw it: a person's account, a crew or a truck")
    note: str


@router.post(
    "/bins/{bin_id}/observations",
    status_code=201,
    responses=refusals("malformed", "unauthenticated", "forbidden", "not-found", "invalid-request", "nothing-usable")
    | {200: {"model": ObservationView, "description": "It was known already, in the same words"}},
)
def observe_bin(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.RECORD_SERVICE)],
    language: InLanguage,
    response: Response,
    bin_id: PathId,
    body: ObservationBody,
) -> ObservationView:
    """Say how full a bin is seen to be. It is stored with the caller's name, and counts beside what its sensor says.

    Sending the same again is safe: 200 instead of 201. Of one bin, moment and person there is one observation; another
    word for it is refused. It may arrive late, with the time at which it was seen.
    """
    with reading(context.engine) as session:
        found = session.get(Bin, bin_id)
        if found is None:
            raise Refusal("not-found")
        point = session.get_one(CollectionPoint, found.point_id)
        principal.require(Permission.RECORD_SERVICE, point.district_id)
    at = body.at or context.clock.now()
    said = {"observer": principal.actor, "at": at.isoformat(), "bin": bin_id, "seen": body.seen, "note": body.note}
    receipt = receive(context.engine, context.clock, format="observations", body=orjson.dumps(said))
    if receipt.rejected:
        views = [view.model_dump() for view in rejected_views(receipt, language)]
        raise Refusal("nothing-usable", members={"rejected": views}, count=len(views))
    if receipt.duplicates:
        response.status_code = 200
    return ObservationView(bin_id=bin_id, at=at, seen=body.seen, observer=principal.actor, note=body.note)


@router.get("/observations", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_observations(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_CITY)],
    district: QueryId = None,
    bin: QueryId = None,  # noqa: A002 - the word of the interface
    observer: QueryId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ObservationView]:
    """List what people saw at the bins of the caller's districts, the latest first."""
    allowed = principal.within(Permission.READ_CITY, district)
    key = (col(ObservationRecord.at), col(ObservationRecord.bin_id), col(ObservationRecord.observer))
    query = select(ObservationRecord).order_by(*(column.desc() for column in key)).limit(limit + 1)
    if allowed is not None:
        query = (
            query.join(Bin, col(Bin.id) == col(ObservationRecord.bin_id))
            .join(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
            .where(col(CollectionPoint.district_id).in_(allowed))
        )
    if bin is not None:
        query = query.where(ObservationRecord.bin_id == bin)
    if observer is not None:
        query = query.where(ObservationRecord.observer == observer)
    if since is not None:
        query = query.where(col(ObservationRecord.at) >= since)
    if until is not None:
        query = query.where(col(ObservationRecord.at) < until)
    after = start_after(cursor, datetime, str, str)
    if after is not None:
        query = query.where(beyond(key, after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.at, row.bin_id, row.observer))
    items = [ObservationView.model_validate(row, from_attributes=True) for row in page]
    return Page(items=items, next_cursor=next_cursor)
