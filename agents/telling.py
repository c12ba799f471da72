"""Telling what happens: people and other systems say what no record shows, and the agents make a change of it."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from agents.day_events import DayEvent, Details, EventKind, note_event
from agents.dispatches import OVER, Dispatch
from agents.errors import NotFoundError, RefusedError
from agents.known_closures import name_of
from agents.proposals import Proposal, plan_of
from agents.shifts import ShiftDay, shift_day
from agents.stop_ids import parse_stop_id
from agents.watching import shifts_under_way
from city.clock import CLOCK_TOLERANCE, Clock
from city.database import transaction
from city.journal import record
from city.registry import Bin, Closure, ClosureKind, CollectionPoint, Facility


@dataclass(frozen=True, slots=True)
class Happened:
    """What somebody tells.

    Attributes
    ----------
    subject_id
        The truck, stop, road (OSM way) or facility.
    at
        When it happened; ``None``: now.
    slower
        Of a road: it takes so many times as long; ``None``: it is closed.
    """

    kind: EventKind
    subject_id: str
    at: datetime | None = None
    details: Details = field(default_factory=Details)
    slower: float | None = None


def tell(engine: Engine, clock: Clock, district_id: str, happened: Happened, actor: str) -> DayEvent:
    """Note what somebody tells of a shift under way; the same told again, with its time, is the same event.

    A road that is told to be closed or slow is closed in the registry as well, until it is said to end.

    Raises
    ------
    NotFoundError
        If there is no such truck on the road, stop or facility.
    RefusedError
        If no plan is being driven, the dispatch is over, or a time makes no sense.
    """
    now = clock.now()
    at = happened.at or now
    if at > now + CLOCK_TOLERANCE:
        raise RefusedError("event_in_future", subject=happened.subject_id, at=at.isoformat())
    until = happened.details.until_at
    if until is not None and until <= max(at, happened.details.from_at or at):
        raise RefusedError("ends_before", until=until.isoformat())
    with transaction(engine) as session:
        base = _shift_of(session, district_id, happened, now)
        day = shift_day(session, base.district_id, base.service_date, base.shift_id)
        cause = _cause(session, day, happened, at, actor)
        details = happened.details
        if happened.kind is EventKind.FACILITY_CLOSED and details.from_at is None:
            details = details.model_copy(update={"from_at": at})
        note_event(
            session, day, happened.kind, happened.subject_id, cause=cause, happened_at=at, noticed_at=now, actor=actor,
            details=details,
        )  # fmt: skip
        return session.exec(select(DayEvent).where(DayEvent.cause == cause)).one()


def _cause(session: Session, day: ShiftDay, happened: Happened, at: datetime, actor: str) -> str:
    """Name the cause as the watch would; a road is closed on the way."""
    if happened.kind is EventKind.TRUCK_OUT:
        return f"{day.thread_id}/out/{happened.subject_id}"
    if happened.kind is not EventKind.WAYS_CHANGED:
        return f"{day.thread_id}/told/{happened.kind}/{happened.subject_id}/{at.isoformat()}"
    closure = Closure(
        kind=ClosureKind.ROAD,
        subject_id=happened.subject_id,
        starts_at=at,
        ends_at=happened.details.until_at,
        slower=happened.slower,
        reason=happened.details.note,
    )
    known = session.exec(
        select(Closure).where(
            Closure.kind == ClosureKind.ROAD, Closure.subject_id == closure.subject_id, Closure.starts_at == at
        )
    ).first()
    if known is None:
        session.add(closure)
        record(
            session,
            at=at,
            actor=actor,
            action="closure.added",
            subject=f"closure/road/{closure.subject_id}",
            district_id=day.district_id,
            reason=closure.reason,
            after={"ends_at": closure.ends_at and closure.ends_at.isoformat(), "slower": closure.slower},
        )
    return f"{day.thread_id}/{name_of(known or closure)}"


def _shift_of(session: Session, district_id: str, happened: Happened, now: datetime) -> Proposal:
    """Find the shift under way that something concerns, by its plan in force."""
    bases = [base for base in shifts_under_way(session, now) if base.district_id == district_id]
    if not bases:
        raise RefusedError("not_under_way", district_id=district_id)
    match happened.kind:
        case EventKind.TRUCK_OUT | EventKind.TRUCK_LATE:
            return _of_truck(session, bases, happened.subject_id)
        case EventKind.STOP_CANCELLED:
            return _of_stop(session, bases, happened.subject_id)
        case EventKind.STOP_NEEDED | EventKind.STOP_MISSED:
            return _for_stop(session, bases, happened.subject_id)
        case EventKind.FACILITY_CLOSED:
            facility = session.get(Facility, happened.subject_id)
            if facility is None or not facility.active or not facility.streams:
                raise NotFoundError("unknown_facility", facility_id=happened.subject_id)
    return bases[0]


def _of_truck(session: Session, bases: list[Proposal], truck_id: str) -> Proposal:
    over: Dispatch | None = None
    for base in bases:
        dispatch = session.exec(
            select(Dispatch).where(
                Dispatch.district_id == base.district_id,
                Dispatch.service_date == base.service_date,
                Dispatch.shift_id == base.shift_id,
                Dispatch.truck_id == truck_id,
            )
        ).first()
        if dispatch is not None and dispatch.state not in OVER:
            return base
        over = over or dispatch
    if over is None:
        raise NotFoundError("truck_not_out", truck_id=truck_id)
    raise RefusedError("dispatch_is_over", dispatch_id=over.id, truck_id=truck_id, dispatch_state=over.state.value)


def _of_stop(session: Session, bases: list[Proposal], stop_id: str) -> Proposal:
    for base in bases:
        if any(stop_id in route.stop_ids for route in plan_of(session, base.id).routes):
            return base
    raise NotFoundError("stop_not_ahead", stop_id=stop_id)


def _for_stop(session: Session, bases: list[Proposal], stop_id: str) -> Proposal:
    """Return the shift that carries the stream of a stop, the one that ends last."""
    try:
        point_id, stream = parse_stop_id(stop_id)
    except ValueError:
        raise NotFoundError("unknown_stop", stop_id=stop_id) from None
    known = session.exec(
        select(Bin.id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .where(
            Bin.point_id == point_id,
            Bin.stream == stream,
            col(Bin.active),
            col(CollectionPoint.active),
            CollectionPoint.district_id == bases[0].district_id,
        )
    ).first()
    if known is None:
        raise NotFoundError("unknown_stop", stop_id=stop_id)
    days = [(shift_day(session, base.district_id, base.service_date, base.shift_id), base) for base in bases]
    carried = [(day.ends_at, base.id, base) for day, base in days if stream in day.streams]
    return max(carried)[2] if carried else bases[0]


def plan_for(session: Session, district_id: str, stop_id: str, now: datetime) -> Proposal:
    """Return the plan in force by which a stop of a district could be served now.

    Raises
    ------
    NotFoundError, RefusedError
        If there is no such stop, or no plan is being driven.
    """
    return _shift_of(session, district_id, Happened(EventKind.STOP_NEEDED, stop_id), now)
