"""What is noticed about shifts under way: streets and facilities that close, trucks that drop out, bins that overflow.

Each cause is noted once, whichever worker sees it first; and a change that the day has moved on beyond is made anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from agents.changes import beyond
from agents.cycles import Holder, PlanningCycle, begin_change, serialise
from agents.day_events import DayEvent, Details, EventKind, note_event
from agents.day_records import dispatches_of
from agents.dispatches import OVER, Dispatch
from agents.known_closures import end_of, known_closures
from agents.proposals import Proposal, ProposalKind, ProposalState, current, plan_of
from agents.shifts import ShiftDay, shift_day, shift_end
from agents.stop_ids import parse_stop_id, stop_id_of
from city.clock import Clock
from city.database import reading, transaction
from city.journal import CLOCK
from city.registry import Bin, Closure, ClosureKind, CollectionPoint, Truck
from city.streams import Stream
from sensors.alarms import Alarm, AlarmKind

# A shift of yesterday may still be under way.
DAYS_BACK = timedelta(days=2)


def shifts_under_way(session: Session, now: datetime) -> list[Proposal]:
    """Return the plan in force of every shift that is published and not over."""
    rows = session.exec(
        select(Proposal)
        .where(Proposal.state == ProposalState.PUBLISHED, col(Proposal.service_date) >= (now - DAYS_BACK).date())
        .order_by(col(Proposal.cycle_id))
    )
    newest = {(row.district_id, row.service_date, row.shift_id): row for row in rows}
    return [row for row in newest.values() if now < shift_end(session, row.shift_id, row.service_date)]


def watch(engine: Engine, clock: Clock) -> bool:
    """Note what concerns shifts under way. Returns whether anything is new."""
    now = clock.now()
    with reading(engine) as session:
        found = [noticed for base in shifts_under_way(session, now) for noticed in _noticed(session, base, now)]
    news = False
    for day, kind, subject_id, cause, details in found:
        with transaction(engine) as session:
            news |= note_event(
                session, day, kind, subject_id, cause=cause, happened_at=now, noticed_at=now, actor=CLOCK,
                details=details,
            )  # fmt: skip
    return news


Noticed = tuple[ShiftDay, EventKind, str, str, Details]


def _noticed(session: Session, base: Proposal, now: datetime) -> Iterable[Noticed]:
    day = shift_day(session, base.district_id, base.service_date, base.shift_id)
    known = set(
        session.exec(select(DayEvent.cause).where(DayEvent.district_id == day.district_id,
                                                  DayEvent.service_date == day.service_date,
                                                  DayEvent.shift_id == day.shift_id))
    )  # fmt: skip
    found = [*_closures(session, base, day, now), *_trucks(session, base, day), *_overflows(session, base, day)]
    return [one for one in found if one[3] not in known]


def _closures(session: Session, base: Proposal, day: ShiftDay, now: datetime) -> Iterable[Noticed]:
    """Compare the closures there are with those that the plan in force was made with."""
    there = known_closures(session, now)
    before = set(base.closures)
    for name in sorted(there.keys() - before):
        closure = there[name]
        if closure.starts_at >= day.ends_at:
            continue
        cause = f"{day.thread_id}/{name}"
        if closure.kind is ClosureKind.ROAD:
            yield day, EventKind.WAYS_CHANGED, closure.subject_id, cause, Details()
        elif closure.kind is ClosureKind.FACILITY:
            details = Details(from_at=closure.starts_at, until_at=closure.ends_at)
            yield day, EventKind.FACILITY_CLOSED, closure.subject_id, cause, details
        elif closure.kind is ClosureKind.TRUCK:
            if closure.starts_at <= now and _is_out(session, base, closure.subject_id):
                yield (
                    day,
                    EventKind.TRUCK_OUT,
                    closure.subject_id,
                    f"{day.thread_id}/out/{closure.subject_id}",
                    Details(),
                )
        elif _lasts(closure, day, now):
            for stop_id in _stops_at(session, base, closure.subject_id):
                yield day, EventKind.STOP_CANCELLED, stop_id, f"{cause}/{stop_id}", Details(note=closure.reason)
    for name in sorted(before - there.keys()):
        ends_at = end_of(name)
        if name.startswith(f"{ClosureKind.ROAD}/") and (ends_at is None or ends_at > now):
            yield day, EventKind.WAYS_CHANGED, name.split("/")[1], f"{day.thread_id}/{name}/lifted", Details()


def _stops_at(session: Session, base: Proposal, point_id: str) -> list[str]:
    stops = (stop_id for route in plan_of(session, base.id).routes for stop_id in route.stop_ids)
    return [stop_id for stop_id in stops if parse_stop_id(stop_id)[0] == point_id]


def _lasts(closure: Closure, day: ShiftDay, now: datetime) -> bool:
    """Whether a point is closed for all that is left of a shift: otherwise its hours are the crews' to mind."""
    return closure.starts_at <= now and (closure.ends_at is None or closure.ends_at >= day.ends_at)


def _is_out(session: Session, base: Proposal, truck_id: str) -> bool:
    dispatch = dispatches_of(session, base.district_id, base.service_date, base.shift_id).get(truck_id)
    return dispatch is not None and dispatch.state not in OVER


def _trucks(session: Session, base: Proposal, day: ShiftDay) -> Iterable[Noticed]:
    """Find trucks that are under way and out of service by the registry."""
    rows = session.exec(
        select(Dispatch.truck_id)
        .join(Truck, col(Truck.id) == Dispatch.truck_id)
        .where(
            Dispatch.district_id == base.district_id,
            Dispatch.service_date == base.service_date,
            Dispatch.shift_id == base.shift_id,
            col(Dispatch.state).not_in(OVER),
            col(Truck.active).is_(False),
        )
    )
    for truck_id in rows:
        yield day, EventKind.TRUCK_OUT, truck_id, f"{day.thread_id}/out/{truck_id}", Details()


def _overflows(session: Session, base: Proposal, day: ShiftDay) -> Iterable[Noticed]:
    """Find bins that overflow since the shift was planned, where no truck comes and nobody is there to swap them."""
    planned = base
    while planned.base_id is not None:
        planned = session.get_one(Proposal, planned.base_id)
    rows = session.exec(
        select(Alarm.id, Bin.point_id, Bin.stream)
        .join(Bin, col(Bin.id) == Alarm.bin_id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .where(
            Alarm.kind == AlarmKind.OVERFLOW,
            col(Alarm.gone_at).is_(None),
            col(Alarm.closed_at).is_(None),
            Alarm.raised_at > planned.created_at,
            CollectionPoint.district_id == day.district_id,
            col(CollectionPoint.attended).is_(False),
            col(Bin.stream).in_(day.streams),
        )
        .order_by(col(Alarm.id))
    ).all()
    if not rows:
        return
    coming = {stop_id for route in plan_of(session, base.id).routes for stop_id in route.stop_ids}
    for alarm_id, point_id, stream in rows:
        stop_id = stop_id_of(point_id, Stream(stream))
        if stop_id not in coming:
            yield day, EventKind.STOP_NEEDED, stop_id, f"{day.thread_id}/alarm/{alarm_id}", Details()


def overdue(session: Session, now: datetime) -> list[Proposal]:
    """Return changes that wait for a decision and that the day has moved on beyond."""
    waiting = session.exec(
        select(Proposal).where(
            Proposal.kind == ProposalKind.CHANGE,
            Proposal.state == ProposalState.PENDING,
            col(Proposal.expires_at) > now,
        )
    ).all()
    return [one for one in waiting if beyond(session, one.id, plan_of(session, one.id), now) is not None]


def open_shifts(session: Session, now: datetime) -> list[ShiftDay]:
    """Return the shifts under way in which something happened that no cycle has taken up."""
    rows = session.exec(
        select(col(DayEvent.district_id), col(DayEvent.service_date), col(DayEvent.shift_id))
        .where(col(DayEvent.cycle_id).is_(None), col(DayEvent.service_date) >= (now - DAYS_BACK).date())
        .distinct()
    ).all()
    days = [shift_day(session, district_id, service_date, shift_id) for district_id, service_date, shift_id in rows]
    return [day for day in days if now < day.ends_at]


def take_up(
    engine: Engine, day: ShiftDay, holder: Holder, at: datetime, *, anew: str | None = None
) -> PlanningCycle | None:
    """Begin a change of a shift for what is open there, and hold it.

    Parameters
    ----------
    anew
        The waiting change that is to be made anew, if there is one.

    Returns
    -------
    PlanningCycle or None
        ``None`` if another worker is at it, or was quicker.
    """
    with transaction(engine) as session:
        serialise(session, day.district_id)
        found = session.exec(
            select(DayEvent).where(
                DayEvent.district_id == day.district_id,
                DayEvent.service_date == day.service_date,
                DayEvent.shift_id == day.shift_id,
                col(DayEvent.cycle_id).is_(None),
            )
        ).all()
        waits = anew is not None and current(session, anew).state is ProposalState.PENDING
        cycle = begin_change(session, day, holder, at) if found or waits else None
        if cycle is not None:
            for event in found:
                event.cycle_id = cycle.number
                session.add(event)
        return cycle
