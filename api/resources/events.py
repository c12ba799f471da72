"""What happens during a shift: told by people and systems, noticed by the agents; and who could serve one more stop."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session, col, select

from agents.cycles import Outcome, PlanningCycle
from agents.day_events import DayEvent, Details, EventKind
from agents.offers import offers
from agents.proposals import Proposal, ProposalState
from agents.telling import Happened, plan_for, tell
from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import ID_RULES, Body, Id, InLanguage, PathId, Text
from api.paging import Cursor, Limit, Page, cut, start_after
from api.problems import refusals
from city.database import reading
from city.hours import service_moment
from city.store import zone_of
from city.wording import Language

router = APIRouter(tags=["events"])

StopId = Annotated[str, Path(**ID_RULES, description="the stop's id; its slash may be written as %2F or as it is")]


class Told(StrEnum):
    """What can be told."""

    TRUCK_OUT = "truck_out"
    TRUCK_LATE = "truck_late"
    STOP_CANCELLED = "stop_cancelled"
    STOP_NEEDED = "stop_needed"
    FACILITY_CLOSED = "facility_closed"
    ROAD_CLOSED = "road_closed"


_KINDS = {told: EventKind.WAYS_CHANGED if told is Told.ROAD_CLOSED else EventKind(told.value) for told in Told}


class EventBody(Body):
    """Something that happened, or is the case from now on."""

    kind: Told = Field(description="`facility_closed` also says that it is full; `road_closed` also that it is slow")
    subject_id: Id = Field(description="the truck, stop, facility or road (OSM way)", examples=["t-12"])
    at: AwareDatetime | None = Field(default=None, description="when it happened; none: now")
    late_s: int = Field(default=0, ge=0, le=86_400, description="of a truck that is late", examples=[1800])
    from_at: AwareDatetime | None = Field(default=None, description="of a facility; none: from when it happened")
    until_at: AwareDatetime | None = Field(default=None, description="of a facility or road; none: not known")
    slower: float | None = Field(default=None, gt=1, le=20, description="of a road: it takes so many times as long")
    truck_id: Id | None = Field(default=None, description="of a stop that is needed: by whom; none: the best")
    note: Text = ""


class EventView(BaseModel):
    """What is known of an event, and what came of it."""

    id: int
    kind: EventKind
    subject_id: str
    text: str = Field(description="in the caller's language", examples=["Truck t-12 goes no further."])
    district_id: str
    service_date: date
    shift_id: str
    happened_at: datetime
    noticed_at: datetime
    actor: str
    note: str
    change_id: str | None = Field(description="the proposal that came of it; none: nothing has to change, or not yet")
    change_state: ProposalState | None
    outcome: str | None = Field(description="why no proposal came of it, in the caller's language")


class OfferView(BaseModel):
    """One truck that could serve a stop."""

    truck_id: str
    starts_at: datetime
    extra_m: int
    extra_s: int
    extra_cents: int
    alike: list[str] = Field(description="idle trucks that could do the same")
    said: list[str] = Field(description="who, when and at what price, then what it does to the rest of its route")


class OffersView(BaseModel):
    """Who could serve a stop, the cheapest first."""

    stop_id: str
    proposal_id: str = Field(description="the plan in force that it would change")
    items: list[OfferView]


@router.post(
    "/districts/{district_id}/events",
    status_code=201,
    responses=refusals(
        "malformed", "unauthenticated", "forbidden", "not-found", "invalid-request", "refused"
    ),
)  # fmt: skip
def tell_event(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.TELL_EVENTS)],
    language: InLanguage,
    district_id: PathId,
    body: EventBody,
) -> EventView:
    """Tell what happened during a shift under way.

    The agents make a change of the plan in force of it, which waits for a decision like every proposal. The same told
    again with the same time is the same event. A road is closed in the registry too: only deciders may tell that.
    """
    principal.require(Permission.TELL_EVENTS, district_id)
    if body.kind is Told.ROAD_CLOSED:
        principal.require(Permission.DECIDE, district_id)
    details = Details(
        by_s=body.late_s, from_at=body.from_at, until_at=body.until_at, by_truck_id=body.truck_id, note=body.note
    )
    happened = Happened(_KINDS[body.kind], body.subject_id, body.at, details, body.slower)
    event = tell(context.engine, context.clock, district_id, happened, principal.actor)
    with reading(context.engine) as session:
        return _view(session, event, language)


@router.get(
    "/districts/{district_id}/events",
    responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"),
)
def list_events(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    district_id: PathId,
    service_date: Annotated[date | None, Query(description="only this service date")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EventView]:
    """List what happened in a district's shifts, the latest noticed first, and what came of it."""
    principal.require(Permission.READ_PROPOSALS, district_id)
    query = select(DayEvent).where(DayEvent.district_id == district_id).order_by(col(DayEvent.id).desc())
    if service_date is not None:
        query = query.where(DayEvent.service_date == service_date)
    after = start_after(cursor, int)
    if after is not None:
        query = query.where(col(DayEvent.id) < after[0])
    with reading(context.engine) as session:
        rows = session.exec(query.limit(limit + 1)).all()
        page, next_cursor = cut(rows, limit, lambda row: (row.id or 0,))
        return Page(items=[_view(session, row, language) for row in page], next_cursor=next_cursor)


@router.get(
    "/districts/{district_id}/stops/{stop_id:path}/offers",
    responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request", "refused"),
)
def read_offers(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.DECIDE)],
    language: InLanguage,
    district_id: PathId,
    stop_id: StopId,
) -> OffersView:
    """Ask which trucks under way could serve one more stop, the cheapest first, and what it does to the rest.

    To choose one, tell that the stop is needed (`stop_needed`) with its `truck_id`.
    """
    principal.require(Permission.DECIDE, district_id)
    with reading(context.engine) as session:
        base = plan_for(session, district_id, stop_id, context.clock.now())
        zone = zone_of(session)
    found = offers(context.desk, base, stop_id)
    items = [
        OfferView(
            truck_id=way.truck_id,
            starts_at=service_moment(base.service_date, way.start_s, zone),
            extra_m=way.extra_m,
            extra_s=way.extra_s,
            extra_cents=way.extra_cents,
            alike=list(way.alike),
            said=way.said(language),
        )
        for way in found.ways
    ]
    return OffersView(stop_id=stop_id, proposal_id=base.id, items=items)


def _view(session: Session, event: DayEvent, language: Language) -> EventView:
    change = outcome = None
    if event.cycle_id is not None:
        cycle = session.get_one(PlanningCycle, event.cycle_id)
        change = session.get(Proposal, cycle.proposal_id)
        outcome = Outcome.model_validate(cycle.outcome).say(language) if cycle.outcome else None
    return EventView(
        **event.model_dump(exclude={"details", "cause", "cycle_id"}),
        text=event.say(language),
        note=event.more.note,
        change_id=change.id if change else None,
        change_state=change.state if change else None,
        outcome=outcome,
    )
