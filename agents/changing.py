"""Changing the plan of a shift under way: what happened is taken into the plan in force with the least change.

The change is worked out for a moment a little ahead: what trucks begin until then stays, so that people have time to
look before the day has moved on beyond what they are shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agents.cycles import Outcome, PlanningCycle
from agents.day_events import EventKind, numbers_of
from agents.planner import check
from agents.progress import changed_trucks, live, whole_distance_m
from agents.proposals import Shown, in_force
from agents.reasons import Standing, StopReason
from agents.replanning import Replanned
from agents.shifts import shift_day
from agents.summary import Note, Summary, summarise
from agents.surroundings import Surroundings
from agents.under_way import Underway, read_underway
from city.database import reading
from routing.difference import Difference, difference
from routing.excerpt import only
from routing.plan import Plan, Unserved, UnservedReason, VisitKind
from routing.problem import Problem

# A change nobody decides on is not carried out; by then the day has moved on several times.
DECISION_TIME = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A verified change of a plan in force.

    Attributes
    ----------
    base_id
        The plan in force.
    standing
        The pending change that this one takes the place of, and its version.
    closures
        Names of the closures that are known by now.
    """

    base_id: str
    standing: tuple[str, int] | None
    problem: Problem
    plan: Plan
    reasons: Mapping[str, StopReason]
    summary: Summary
    difference: Difference
    closures: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NoChange:
    """Events that change nothing, and why."""

    outcome: Outcome
    standing: tuple[str, int] | None = None


def plan_change(surroundings: Surroundings, cycle: PlanningCycle) -> PlannedChange | NoChange:
    """Work out what the events of a cycle, and of the change that waits, make of the plan in force.

    Raises
    ------
    RoutingError
        If a truck has something on board that nobody takes any more.
    PlanningError
        If the new plan fails `verify`.
    """
    with reading(surroundings.engine) as session:
        base = in_force(session, cycle.district_id, cycle.service_date, cycle.shift_id)
        day = shift_day(session, cycle.district_id, cycle.service_date, cycle.shift_id)
        if base is None or surroundings.clock.now() >= day.ends_at:
            return NoChange(Outcome(code="nothing_under_way", numbers={"shift_id": cycle.shift_id}))
        underway = read_underway(surroundings, session, base, cycle)
    standing = None if underway.standing is None else _version_of(underway.standing)
    nothing = NoChange(Outcome(code="nothing_changes", numbers={"events": len(underway.events)}), standing)
    if not underway.taken_in:
        return nothing
    lived = live(underway.problem, underway.shown.plan, underway.records, underway.by_s, underway.stopped)
    problem, plan = free(lived.problem, lived.plan, underway.again)
    found = surroundings.solvers.replan(problem, plan, underway.taken_in, underway.by_s)
    check(found.problem, found.plan)
    changed = changed_trucks(plan, found.plan)
    if not changed:
        return nothing
    changes = _difference(plan, found, changed)
    reasons = _reasons(underway, found)
    summary = summarise(found.plan, reasons, _notes(underway, found))
    whole_m = sum(whole_distance_m(found.problem, route) for route in found.plan.routes)
    return PlannedChange(
        base_id=base.id,
        standing=standing,
        problem=found.problem,
        plan=found.plan,
        reasons=reasons,
        summary=summary.model_copy(update={"distance_m": whole_m}),
        difference=changes,
        closures=underway.closures,
        expires_at=min(day.ends_at, underway.now + DECISION_TIME),
    )


def _version_of(shown: Shown) -> tuple[str, int]:
    return shown.proposal.id, shown.version.version


def free(problem: Problem, plan: Plan, stop_ids: frozenset[str]) -> tuple[Problem, Plan]:
    """Take stops out that come in again as news."""
    kept = problem.stop_by_id.keys() - stop_ids
    left = tuple(one for one in plan.unserved if one.stop_id in kept)
    return only(problem, kept, problem.truck_by_id.keys()), replace(plan, unserved=left)


def _difference(old: Plan, found: Replanned, changed: frozenset[str]) -> Difference:
    """Say what changes, for the trucks whose order does; that others are a little late or early is not a change."""
    stranded = {one.truck_id: len(one.visits) for one in found.stranded}
    # What a truck had done before it broke down leaves the plan with it, and is not given up.
    before = replace(
        old,
        routes=tuple(
            replace(route, visits=(route.visits[0], *route.visits[max(1, stranded[route.truck_id]) :]))
            if route.truck_id in stranded
            else route
            for route in old.routes
        ),
    )
    extra = found.extra_cents, found.extra_m, found.extra_s
    whole = difference(before, found.plan, extra)
    return replace(
        whole,
        delayed=tuple(one for one in whole.delayed if one.truck_id in changed),
        reordered=tuple(truck_id for truck_id in whole.reordered if truck_id in changed),
        unloading=tuple(one for one in whole.unloading if one.truck_id in changed),
        trucks=tuple(truck_id for truck_id in whole.trucks if truck_id in changed),
    )


def _reasons(underway: Underway, found: Replanned) -> dict[str, StopReason]:
    """Bring the reasons of the plan in force up to date, with those of new stops."""
    served = {stop_id for route in found.plan.routes for stop_id in route.stop_ids}
    left = {one.stop_id: one for one in found.plan.unserved}
    cancelled = {event.subject_id: event.actor for event in underway.events if event.kind is EventKind.STOP_CANCELLED}
    reasons = {**underway.shown.reasons, **underway.reasons}
    for stop_id, reason in reasons.items():
        if stop_id in served:
            update: dict[str, object] = {"standing": Standing.SERVED, "unserved": None, "excluded": None}
        elif stop_id in left and reason.standing is not Standing.DROPPED:
            update = {"standing": Standing.LEFT_OUT, "unserved": left[stop_id]}
        elif stop_id in cancelled and stop_id not in found.problem.stop_by_id:
            taken_out = Unserved(stop_id, UnservedReason.TAKEN_OUT)
            update = {"standing": Standing.DROPPED, "unserved": taken_out, "changed_by": cancelled[stop_id]}
        else:
            continue
        reasons[stop_id] = reason.model_copy(update=update)
    return reasons


def _notes(underway: Underway, found: Replanned) -> Iterable[Note]:
    """Say what happened, what it does to trucks beside their stops, and what the change takes the place of."""
    for event in underway.events:
        code = "event_without_effect" if event in underway.without_effect else f"event_{event.kind}"
        yield Note(code=code, numbers=numbers_of(event))
    for stranded in found.stranded:
        last = stranded.visits[-1] if stranded.visits else None
        if last is not None and last.load_kg:
            yield Note(code="stranded", numbers={"truck": stranded.truck_id, "kg": last.load_kg})
        done = sum(visit.kind is VisitKind.STOP for visit in stranded.visits)
        yield Note(code="stays_done", numbers={"truck": stranded.truck_id, "stops": done})
    for truck_id, home_s in sorted(found.home_late.items()):
        minutes = -(-(home_s - found.problem.truck_by_id[truck_id].shift.end_s) // 60)
        if minutes > 0:
            yield Note(code="home_late", numbers={"truck": truck_id, "minutes": minutes})
    if underway.standing is not None:
        before = underway.standing
        yield Note(code="made_anew", numbers={"proposal_id": before.proposal.id})
        if before.version.version > 1:
            yield Note(code="edits_given_up", numbers={"proposal_id": before.proposal.id})
