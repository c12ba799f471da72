"""Offers: which trucks under way could serve one more stop, the cheapest first, and what it does to the rest of each.

Asked before anything is planned anew: often one truck passes by.
"""

from dataclasses import dataclass, replace

from sqlmodel import Session

from agents.changing import free
from agents.day_events import DayEvent, Details, EventKind
from agents.day_records import dispatches_of, records_of
from agents.editing import Desk
from agents.errors import RefusedError
from agents.progress import live
from agents.proposals import Proposal
from agents.replanning import Placed, as_it_stands
from agents.shifts import shift_day
from agents.under_way import under_way_after
from city.database import reading
from routing.events import NewStop
from routing.insertion import Insertion, insert
from routing.problem import Problem
from sensors.service import ServiceOutcome

# Beyond these nobody reads on.
MOST_OFFERS = 5


@dataclass(frozen=True, slots=True)
class Offers:
    """Ways to serve one more stop in a shift under way.

    Attributes
    ----------
    proposal
        The plan in force.
    ways
        The cheapest truck first; none: nobody can.
    """

    proposal: Proposal
    ways: tuple[Insertion, ...]


def offers(desk: Desk, base: Proposal, stop_id: str) -> Offers:
    """Find the trucks that could serve a stop beside what they have to do.

    Parameters
    ----------
    base
        The plan in force.

    Raises
    ------
    RefusedError
        ``nobody_is_needed`` if a truck is sent there or has been there, or nobody may serve it in this shift.
    """
    with reading(desk.engine) as session:
        wish = _wish(session, base, stop_id, desk)
        underway = under_way_after(desk, session, base, [wish])
    news = [event.new if isinstance(event, Placed) else event for event in underway.taken_in]
    new = next((event for event in news if isinstance(event, NewStop)), None)
    if new is None:
        raise RefusedError("nobody_is_needed", stop_id=stop_id)
    lived = live(underway.problem, underway.shown.plan, underway.records, underway.by_s)
    problem, plan = free(lived.problem, lived.plan, underway.again)
    day = as_it_stands(problem, plan, underway.by_s)
    wide = day.problem if new.matrices is None else _with_matrices(day.problem, new)
    return Offers(base, tuple(insert(wide, day.plan, new.stop)[:MOST_OFFERS]))


def _with_matrices(problem: Problem, new: NewStop) -> Problem:
    return replace(problem, matrices=new.matrices or problem.matrices)


def _wish(session: Session, base: Proposal, stop_id: str, desk: Desk) -> DayEvent:
    """Make the event that the stop is needed, which is noted nowhere; a truck that could not serve it is not asked."""
    day = shift_day(session, base.district_id, base.service_date, base.shift_id)
    dispatches = dispatches_of(session, day.district_id, day.service_date, day.shift_id)
    failed = [
        truck_id
        for truck_id, told in records_of(session, dispatches).items()
        if stop_id in told and told[stop_id].outcome is ServiceOutcome.COULD_NOT
    ]
    now = desk.clock.now()
    kind = EventKind.STOP_MISSED if failed else EventKind.STOP_NEEDED
    return DayEvent(
        district_id=day.district_id,
        service_date=day.service_date,
        shift_id=day.shift_id,
        kind=kind,
        subject_id=stop_id,
        details=Details(truck_id=failed[-1] if failed else None).model_dump(mode="json"),
        cause="",
        happened_at=now,
        noticed_at=now,
        actor="",
    )
