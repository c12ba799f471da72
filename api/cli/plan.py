"""``dustcart plan``: one planning cycle for a district and a date, printed as a rehearsal or proposed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine
from sqlmodel import Session

from agents.cycles import CycleState, Outcome, PlanningCycle, leaves_from, outcome_of
from agents.errors import PlanningError, RefusedError
from agents.planner import Planned, Quiet
from agents.reasons import Standing, StopReason, sentences
from agents.rehearsal import rehearse
from agents.roads import CityRoads
from agents.shifts import ShiftDay, shift_day, shift_days
from agents.solvers import Solvers
from agents.surroundings import Surroundings
from agents.worker import Worker
from api.accounts import local_actor
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from city.clock import Clock, SystemClock
from city.database import reading
from city.hours import format_time
from city.settings import Settings
from city.store import zone_of
from routing.files import plan_to_json
from routing.plan import Route, VisitKind


def plan(
    district: Annotated[str, typer.Argument(metavar="DISTRICT", help="The district's id.")],
    service_date: Annotated[
        datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="The service date, YYYY-MM-DD.")
    ],
    *,
    shift: Annotated[
        str | None, typer.Option(help="The shift's id; otherwise every shift of the date that can still be planned.")
    ] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Let each plan become a proposal that waits for a decision.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one planning cycle: needs, stops, routes. Without --propose it is a rehearsal, and nothing is kept."""
    settings = Settings()
    engine = open_current(settings)
    clock = SystemClock()
    try:
        with reading(engine) as session:
            days = _days(session, clock, district, service_date, shift)
        if propose:
            _propose(engine, clock, settings, days, as_json=as_json)
        else:
            _rehearse(engine, clock, settings, days, as_json=as_json)
    finally:
        engine.dispose()


def _days(session: Session, clock: Clock, district: str, service_date: datetime, shift: str | None) -> list[ShiftDay]:
    day = service_date.date()
    if shift is not None:
        return [shift_day(session, district, day, shift)]
    found = shift_days(session, zone_of(session), [day], district)
    left = [one for one in found if leaves_from(one, clock.now()) < one.ends_at]
    if not left:
        raise RefusedError("nothing_to_plan", district_id=district, date=day)
    return left


def _propose(engine: Engine, clock: Clock, settings: Settings, days: list[ShiftDay], *, as_json: bool) -> None:
    with Worker(engine, clock, settings) as worker:
        cycles = []
        for day in days:
            with notices().status(escape(f"planning {day.thread_id}")):
                cycles.append(worker.plan(day, actor=local_actor()))
    if as_json:
        print_json([_cycle_as_json(cycle) for cycle in cycles])
    else:
        for cycle in cycles:
            results().print(escape(_cycle_said(cycle)), highlight=False)
    if any(cycle.state is CycleState.FAILED for cycle in cycles):
        raise typer.Exit(1)


def _cycle_as_json(cycle: PlanningCycle) -> dict[str, Any]:
    waiting = cycle.state is CycleState.WAITING
    return {
        "district_id": cycle.district_id,
        "service_date": cycle.service_date,
        "shift_id": cycle.shift_id,
        "state": cycle.state,
        "proposal_id": cycle.proposal_id if waiting else None,
        "outcome": cycle.outcome or None,
    }


def _cycle_said(cycle: PlanningCycle) -> str:
    if cycle.state is CycleState.WAITING:
        return f"{cycle.thread_id}: proposal {cycle.proposal_id} waits for a decision"
    return f"{cycle.thread_id}: {Outcome.model_validate(cycle.outcome).say('en')}"


def _rehearse(engine: Engine, clock: Clock, settings: Settings, days: list[ShiftDay], *, as_json: bool) -> None:
    solvers = Solvers(settings.cores)
    surroundings = Surroundings(engine, clock, settings, CityRoads.of(engine, settings), solvers)
    found = []
    try:
        for day in days:
            with notices().status(escape(f"planning {day.thread_id}")):
                found.append((day, _rehearsed(surroundings, day)))
    finally:
        solvers.close()
    if as_json:
        print_json([_planned_as_json(day, planned) for day, planned in found])
    else:
        for day, planned in found:
            _print_planned(day, planned)
    if any(isinstance(planned, PlanningError) for _, planned in found):
        raise typer.Exit(1)


def _rehearsed(surroundings: Surroundings, day: ShiftDay) -> Planned | Quiet | PlanningError:
    """Rehearse one shift; that it cannot be planned must not hide the others."""
    try:
        return rehearse(surroundings, day)
    except PlanningError as error:
        return error


def _planned_as_json(day: ShiftDay, planned: Planned | Quiet | PlanningError) -> dict[str, Any]:
    named = {"district_id": day.district_id, "service_date": day.service_date, "shift_id": day.shift_id}
    if isinstance(planned, PlanningError):
        return {**named, "failed": True, "outcome": outcome_of(planned).model_dump(mode="json"), "plan": None}
    if isinstance(planned, Quiet):
        return {**named, "failed": False, "outcome": planned.outcome.model_dump(mode="json"), "plan": None}
    return {
        **named,
        "failed": False,
        "outcome": None,
        "plan": plan_to_json(planned.plan),
        "summary": planned.summary.model_dump(mode="json"),
        "reasons": {stop_id: reason.model_dump(mode="json") for stop_id, reason in planned.reasons.items()},
    }


def _print_planned(day: ShiftDay, planned: Planned | Quiet | PlanningError) -> None:
    console = results()
    if isinstance(planned, PlanningError):
        notices().print(escape(f"{day.thread_id}: {planned}"), highlight=False)
        return
    if isinstance(planned, Quiet):
        console.print(escape(f"{day.thread_id}: {planned.outcome.say('en')}"), highlight=False)
        return
    summary = planned.summary
    console.print(
        f"[bold]{escape(day.thread_id)}[/]: {summary.trucks} trucks, {summary.stops} stops,"
        f" {summary.distance_m / 1000:.1f} km, {summary.duration_s / 3600:.1f} h, {summary.collected_kg / 1000:.1f} t;"
        f" {summary.left_out} left out",
        highlight=False,
    )
    for note in summary.notes:
        console.print(f"[yellow]{escape(note.say('en'))}[/]", highlight=False)
    for route in planned.plan.routes:
        console.print(_route_table(route, planned.reasons))
    left_out = [reason for reason in planned.reasons.values() if reason.standing is not Standing.SERVED]
    if left_out:
        table = Table("risk", "stop", "kg", "why", title="left out", title_justify="left", box=None)
        for reason in sorted(left_out, key=lambda one: -one.probability):
            why = "\n".join(sentences(reason, "en", day.zone))
            table.add_row(f"{reason.probability:.0%}", *map(escape, (reason.stop_id, str(reason.demand_kg), why)))
        console.print(table)


def _route_table(route: Route, reasons: Mapping[str, StopReason]) -> Table:
    title = f"{route.truck_id}: {route.distance_m / 1000:.1f} km, {route.duration_s / 3600:.1f} h"
    table = Table("at", "what", "where", "kg on board", title=escape(title), title_justify="left", box=None)
    for visit in route.visits:
        reason = reasons.get(visit.subject_id) if visit.kind is VisitKind.STOP else None
        where = f"{visit.subject_id} {reason.point_name}" if reason else visit.subject_id
        table.add_row(format_time(visit.start_s), visit.kind.value, escape(where), str(visit.load_kg))
    return table
