"""Carrying out an approved change: the dispatches of the trucks that it concerns get another version, all at once.

What crews have recorded stays where it was recorded. Nobody else's dispatch is touched.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from agents.day_records import dispatches_of
from agents.dispatches import OVER, Dispatch, DispatchState, DispatchVisit, WithdrawnVisit, visits_of
from agents.errors import NotFoundError
from agents.problems import PlanningProblem
from agents.progress import whole_distance_m
from agents.proposals import Shown
from agents.writing_dispatches import PUBLISHER, Writing, columns_of, write_dispatch
from city.database import insert_missing
from city.journal import record
from routing.difference import Difference
from routing.files import load_problem
from routing.plan import Route, Visit, VisitKind
from routing.problem import Problem
from sensors.service import ServiceRecord


def carry_out(session: Session, shown: Shown, writing: Writing, now: datetime) -> None:
    """Change the dispatches of a shift by an approved change whose row is locked, in the caller's transaction."""
    proposal = shown.proposal
    changes = shown.difference or Difference()
    problem = _problem(session, shown.version.problem_hash)
    dispatches = dispatches_of(session, proposal.district_id, proposal.service_date, proposal.shift_id, for_update=True)
    routes = {route.truck_id: route for route in shown.plan.routes}
    lost = _lost(changes)
    new = 0
    # Stops are withdrawn everywhere before they are put anywhere.
    for truck_id in changes.trucks:
        dispatch, route = dispatches.get(truck_id), routes.get(truck_id)
        if dispatch is None and route is not None:
            new += 1
            made = write_dispatch(
                session, writing, route, f"d{proposal.cycle_id}-{new}", whole_distance_m(problem, route), now
            )
            session.flush()
            dispatches[truck_id] = made
        elif dispatch is not None:
            _change(session, dispatch, route, problem, lost.get(truck_id, frozenset()), writing, now)


def _problem(session: Session, name: str) -> Problem:
    stored = session.get(PlanningProblem, name)
    if stored is None:
        raise NotFoundError("unknown_problem", hash=name)
    return load_problem(stored.body)


def _lost(changes: Difference) -> dict[str, frozenset[str]]:
    """Return which stops each truck gives up."""
    found: dict[str, set[str]] = {}
    for moved in changes.moved:
        found.setdefault(moved.from_truck_id, set()).add(moved.stop_id)
    for dropped in changes.dropped:
        found.setdefault(dropped.truck_id, set()).add(dropped.stop_id)
    return {truck_id: frozenset(stop_ids) for truck_id, stop_ids in found.items()}


def _change(
    session: Session,
    dispatch: Dispatch,
    route: Route | None,
    problem: Problem,
    lost: frozenset[str],
    writing: Writing,
    now: datetime,
) -> None:
    """Give a dispatch its next version."""
    rows = visits_of(session, dispatch.id)
    recorded = set(session.exec(select(ServiceRecord.stop_id).where(ServiceRecord.dispatch_id == dispatch.id)))
    before = [row.stop_id for row in rows if row.stop_id]
    ahead: Sequence[Visit] = ()
    if route is None:
        kept = _up_to_the_last_stop(rows, lost - recorded)
    else:
        common, ahead = _common(rows, route.visits, recorded)
        _time_anew(session, common, recorded, writing.at)
        kept = [row for row, _ in common]
    stays = {row.sequence for row in kept}
    gone = [row for row in rows if row.sequence not in stays]
    session.exec(
        delete(DispatchVisit).where(
            col(DispatchVisit.dispatch_id) == dispatch.id,
            col(DispatchVisit.sequence).in_([row.sequence for row in gone]),
        )
    )
    served = {visit.subject_id for visit in ahead if visit.kind is VisitKind.STOP}
    for row in gone:
        if row.stop_id and row.point_id and row.stream and row.stop_id not in served:
            withdraw(session, dispatch.id, row, now, writing.proposal.id)
    first = max((row.sequence for row in kept), default=-1) + 1
    if ahead:
        session.exec(
            insert(DispatchVisit),
            params=[
                {"dispatch_id": dispatch.id, "sequence": first + number} | columns_of(visit, writing, dispatch.truck_id)
                for number, visit in enumerate(ahead)
            ],
        )
    if route is not None:
        dispatch.returns_at = writing.at(route.visits[-1].arrival_s)
        dispatch.distance_m = whole_distance_m(problem, route)
        dispatch.duration_s = route.duration_s
    after = [row.stop_id for row in kept if row.stop_id] + [
        visit.subject_id for visit in ahead if visit.kind is VisitKind.STOP
    ]
    goes_on = route is not None and (set(after) - recorded or dispatch.state is DispatchState.STARTED)
    raise_version(session, dispatch, before, after, now=now, actor=PUBLISHER, change_id=writing.proposal.id)
    if route is None or not goes_on:
        _end(session, dispatch, DispatchState.STOPPED, now)
    elif after and not set(after) - recorded:
        _end(session, dispatch, DispatchState.FINISHED, now)


def _up_to_the_last_stop(rows: Sequence[DispatchVisit], lost: frozenset[str]) -> list[DispatchVisit]:
    """Return the visits that a truck which goes no further had made: up to the last stop that it does not give up."""
    kept = [row for row in rows if row.stop_id not in lost]
    last = max((row.sequence for row in kept if row.stop_id), default=0)
    return [row for row in kept if row.sequence <= last]


def _common(
    rows: Sequence[DispatchVisit], visits: Sequence[Visit], recorded: set[str | None]
) -> tuple[list[tuple[DispatchVisit, Visit | None]], Sequence[Visit]]:
    """Split a route into the visits that its dispatch has in that order already, and the rest.

    A stop that could not be served stays on record, with no visit.
    """
    wanted = {visit.subject_id for visit in visits if visit.kind is VisitKind.STOP}
    kept: list[tuple[DispatchVisit, Visit | None]] = []
    number = 0
    for row in rows:
        if row.stop_id and row.stop_id in recorded and row.stop_id not in wanted:
            kept.append((row, None))
        elif number < len(visits) and _is(row, visits[number]):
            kept.append((row, visits[number]))
            number += 1
        else:
            break
    return kept, visits[number:]


def _is(row: DispatchVisit, visit: Visit) -> bool:
    if row.kind != visit.kind.value:
        return False
    subject = row.stop_id if visit.kind is VisitKind.STOP else row.facility_id
    return visit.kind not in (VisitKind.STOP, VisitKind.UNLOAD) or subject == visit.subject_id


def _time_anew(
    session: Session,
    kept: Sequence[tuple[DispatchVisit, Visit | None]],
    recorded: set[str | None],
    at: Callable[[int], datetime],
) -> None:
    """Bring times and loads of the visits that stay, and are still ahead, up to date."""
    for row, visit in kept:
        if visit is not None and row.stop_id not in recorded:
            row.arrives_at, row.departs_at = at(visit.arrival_s), at(visit.departure_s)
            row.load_kg, row.load_l = visit.load_kg, visit.load_l
            session.add(row)


def withdraw(session: Session, dispatch_id: str, row: DispatchVisit, now: datetime, change_id: str | None) -> None:
    """Remember that a stop was taken off a dispatch: its crew may not know yet."""
    insert_missing(
        session,
        WithdrawnVisit,
        dispatch_id=dispatch_id,
        stop_id=row.stop_id,
        point_id=row.point_id,
        stream=row.stream,
        at=now,
        change_id=change_id,
    )


def raise_version(
    session: Session,
    dispatch: Dispatch,
    before: Sequence[str],
    after: Sequence[str],
    *,
    now: datetime,
    actor: str,
    change_id: str | None = None,
    more: Mapping[str, str] | None = None,
) -> None:
    """Count a dispatch's version up, with the stops that came and went in the journal."""
    dispatch.version += 1
    dispatch.changed_at = now
    dispatch.changed_by = change_id or dispatch.changed_by
    session.add(dispatch)
    record(
        session,
        at=now,
        actor=actor,
        action="dispatch.changed",
        subject=f"dispatch/{dispatch.id}",
        district_id=dispatch.district_id,
        before={"version": dispatch.version - 1},
        after={
            "version": dispatch.version,
            "change_id": change_id,
            "added": [stop_id for stop_id in after if stop_id not in before],
            "removed": [stop_id for stop_id in before if stop_id not in after],
            **(more or {}),
        },
    )


def _end(session: Session, dispatch: Dispatch, to: DispatchState, now: datetime) -> None:
    if dispatch.state in OVER:
        return
    before, dispatch.state = dispatch.state, to
    session.add(dispatch)
    record(
        session,
        at=now,
        actor=PUBLISHER,
        action=f"dispatch.{to}",
        subject=f"dispatch/{dispatch.id}",
        district_id=dispatch.district_id,
        before={"state": before},
        after={"state": to},
    )
