"""The planner: which truck, in what order? It puts the shift's stops on the streets, has them solved in another
process, checks the plan and writes the explanation. A plan that `verify` refuses is never proposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlmodel import Session, col

from agents.alternatives import find_alternatives, habit
from agents.by_hand import ByHand, keep_added, keep_locks, read_by_hand
from agents.cycles import Outcome, leaves_from
from agents.decisions import Decision, Rule
from agents.errors import PlanningError
from agents.fleet import Fleet, read_fleet, wanted
from agents.ground import Ground, read_ground
from agents.known_closures import known_closures
from agents.needs import Need
from agents.outlook import BinOutlook, outlooks
from agents.reasons import BinEvidence, Exclusion, Standing, StopReason
from agents.reliance import Reliance, relied_on, what_would_undo
from agents.roads import road_closures
from agents.shifts import ShiftDay
from agents.stops import Candidate, Grouped, JudgedNeed, group
from agents.summary import Note, Summary, summarise
from agents.surroundings import Surroundings
from agents.task import Task, build_task
from city.database import reading
from city.streams import Stream, parse_streams
from routing.plan import Plan, Unserved, UnservedReason
from routing.problem import Problem
from routing.shift_roads import Closing
from routing.verify import verify

# Who wrote a version that nobody edited, in the journal and beside the plan.
PLANNER = "planner"

EXCLUDED_BY = {
    Rule.POINT_BURNS: Exclusion.POINT_BURNS,
    Rule.POINT_CLOSED: Exclusion.POINT_CLOSED,
    Rule.WINDOW_OUTSIDE_SHIFT: Exclusion.WINDOW_OUTSIDE_SHIFT,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A verified plan of a shift with its explanation.

    Attributes
    ----------
    problem
        As it was solved, with the locks in force.
    reasons
        Why each stop is in or out, by stop id.
    by_hand
        What stood in the pending proposal of the shift when planning began.
    known
        Names of the closures that it was made with.
    """

    problem: Problem
    plan: Plan
    reasons: Mapping[str, StopReason]
    summary: Summary
    by_hand: ByHand = field(default_factory=ByHand)
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quiet:
    """A shift for which no truck has to leave, and why."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Briefing:
    """All that planning a shift starts from, read at one moment.

    Attributes
    ----------
    needs
        How many open needs there are, for a truck or not.
    lost
        What people had fixed and cannot be kept.
    known
        Names of the closures there are.
    habit
        Which truck served which stop when the shift was last driven.
    reliance
        What the plan relies on in the registry.
    """

    ground: Ground
    fleet: Fleet
    grouped: Grouped
    closures: tuple[Closing, ...]
    needs: int
    by_hand: ByHand
    lost: tuple[Note, ...]
    known: tuple[str, ...] = ()
    habit: Mapping[str, str] = field(default_factory=dict)
    reliance: Reliance = field(default_factory=Reliance)

    @property
    def to_plan(self) -> tuple[Candidate, ...]:
        """Stops that the plan is about: all but those that a person took out."""
        return tuple(stop for stop in self.grouped.candidates if stop.stop_id not in self.by_hand.dropped)


def read_briefing(surroundings: Surroundings, day: ShiftDay) -> Briefing:
    """Read what the dispatcher decided for a shift, and who and what is there to do it."""
    with reading(surroundings.engine) as session:
        ground = read_ground(session, day, surroundings.clock.now())
        needs = _judged(session, ground)
        bins = outlooks(session, ground)
        return brief(session, ground, bins, needs)


def brief(session: Session, ground: Ground, bins: Sequence[BinOutlook], needs: Sequence[JudgedNeed]) -> Briefing:
    """Put needs, bins and fleet of a shift together."""
    by_hand = read_by_hand(session, ground.day)
    grouped, lost = keep_added(ground, bins, group(ground, bins, needs), by_hand)
    fleet = wanted(read_fleet(session, ground), frozenset(stop.stream for stop in grouped.candidates))
    closed = road_closures(session, ground.zone, ground.streets_when)
    closures = known_closures(session, ground.now)
    return Briefing(
        ground,
        fleet,
        grouped,
        closed,
        len(needs),
        by_hand,
        tuple(lost),
        tuple(sorted(closures)),
        habit(session, ground.day),
        relied_on(ground, fleet, closures.values()),
    )


def _judged(session: Session, ground: Ground) -> list[JudgedNeed]:
    rows = session.connection().execute(
        sa.select(col(Need.point_id), col(Need.stream), col(Need.bin_id), col(Need.reason), col(Need.action_reason))
        .where(
            col(Need.district_id) == ground.day.district_id,
            col(Need.open_key).is_not(None),
            col(Need.action).is_not(None),
        )
        .order_by(col(Need.id))
    )
    return [
        JudgedNeed(row.point_id, row.stream, row.bin_id, row.reason, Decision.model_validate(row.action_reason))
        for row in rows
        if row.point_id in ground.points
    ]


def plan_shift(surroundings: Surroundings, briefing: Briefing) -> Planned | Quiet:
    """Solve a shift and explain the plan.

    Raises
    ------
    PlanningError
        If there are stops that must be served and nothing can serve any of them, or the plan fails `verify`.
    RoutingError
        If the city has no roads that the trucks can drive.
    """
    ground = briefing.ground
    if leaves_from(ground.day, ground.now) >= ground.day.ends_at:
        raise PlanningError("too_late", district_id=ground.day.district_id, shift_id=ground.day.shift_id)
    if not briefing.grouped.candidates:
        return Quiet(Outcome(code="nothing_needed", numbers={"needs": briefing.needs}))
    if not briefing.to_plan:
        return Quiet(Outcome(code="all_taken_out", numbers={"stops": len(briefing.grouped.candidates)}))
    if not briefing.fleet.trucks:
        raise PlanningError("no_trucks", district_id=ground.day.district_id, shift_id=ground.day.shift_id)
    task = build_task(ground, briefing.fleet, briefing.to_plan, surroundings.roads, briefing.closures)
    problem, lost_locks = keep_locks(task.problem, briefing.by_hand)
    plan = surroundings.solvers.solve(
        problem,
        surroundings.settings.solve_seconds,
        seed=surroundings.settings.seed,
        start=briefing.by_hand.plan,
    )
    check(problem, plan)
    reasons = explain(briefing, task, plan)
    if not plan.routes:
        return _nothing_drives(reasons)
    summary = summarise(plan, reasons, [*task.notes, *lost_locks, *briefing.lost, *_notes(briefing)])
    others = find_alternatives(
        surroundings.solvers,
        problem,
        plan,
        briefing.habit,
        seconds=surroundings.settings.solve_seconds,
        seed=surroundings.settings.seed,
    )
    undone_by = what_would_undo(problem, plan, briefing.reliance)
    summary = summary.model_copy(update={"alternatives": others, "invalid_if": undone_by})
    return Planned(problem, plan, reasons, summary, briefing.by_hand, briefing.known)


def check(problem: Problem, plan: Plan) -> None:
    """Let a plan through only if `verify` finds nothing wrong with it.

    Raises
    ------
    PlanningError
        Naming the first things that are wrong.
    """
    verification = verify(problem, plan)
    if not verification.ok:
        named = "; ".join(str(violation) for violation in verification.violations[:3])
        raise PlanningError("plan_fails_verification", count=len(verification.violations), violations=named)


def _nothing_drives(reasons: Mapping[str, StopReason]) -> Quiet:
    """Tell a shift that needs no truck from one whose stops ought to be served and cannot be.

    Raises
    ------
    PlanningError
        If there are such stops, with an example.
    """
    missed = [
        reason for _, reason in sorted(reasons.items()) if reason.required and reason.standing is not Standing.DROPPED
    ]
    if not missed:
        return Quiet(Outcome(code="nothing_worth_a_truck", numbers={"stops": len(reasons)}))
    for reason in missed:
        if reason.unserved is not None:
            raise PlanningError(
                "nothing_can_be_served", stops=len(missed), stop_id=reason.stop_id, unserved=reason.unserved
            )
    raise PlanningError("all_off_network", stops=len(missed), stop_id=missed[0].stop_id)


def explain(briefing: Briefing, task: Task, plan: Plan) -> dict[str, StopReason]:
    """Write down why each stop is in the plan or not, by stop id."""
    ground, by_hand = briefing.ground, briefing.by_hand
    left_out = {left.stop_id: left for left in plan.unserved}
    reasons = {}
    for stop in briefing.grouped.candidates:
        known: dict[str, object] = {"changed_by": by_hand.dropped.get(stop.stop_id) or by_hand.added.get(stop.stop_id)}
        if stop.stop_id in by_hand.dropped:
            left = Unserved(stop.stop_id, UnservedReason.TAKEN_OUT)
            known |= {"standing": Standing.DROPPED, "unserved": left}
        elif stop.stop_id in task.excluded:
            known |= {"standing": Standing.EXCLUDED, "excluded": task.excluded[stop.stop_id]}
            known |= {"left_out_street": task.left_out.get(stop.stop_id)}
        elif stop.stop_id in left_out:
            known |= {"standing": Standing.LEFT_OUT, "unserved": left_out[stop.stop_id]}
        reasons[stop.stop_id] = reason_of(ground, stop).model_copy(update=known)
    for stop in briefing.grouped.kept_back:
        excluded = EXCLUDED_BY[stop.decision.rule]
        kept_back = {"standing": Standing.EXCLUDED, "excluded": excluded}
        reasons[stop.stop_id] = reason_of(ground, stop).model_copy(update=kept_back)
    return reasons


def reason_of(ground: Ground, candidate: Candidate) -> StopReason:
    """Write down what is known of a stop that is served, and by which rule it was decided."""
    return StopReason(
        stop_id=candidate.stop_id,
        point_id=candidate.point.id,
        point_name=candidate.point.name,
        stream=candidate.stream,
        standing=Standing.SERVED,
        required=candidate.required,
        prize_cents=candidate.prize_cents,
        probability=candidate.probability,
        next_chance_at=ground.next_at(candidate.stream) if candidate.stream in ground.next_chance else None,
        demand_kg=candidate.demand_kg,
        demand_l=candidate.demand_l,
        rule=candidate.decision.rule,
        numbers=candidate.decision.numbers,
        bins=tuple(
            BinEvidence(
                bin_id=outlook.bin_id,
                level=outlook.level,
                sigma=outlook.sigma,
                rate_per_h=outlook.rate_per_h,
                probability=None if outlook.level is None else outlook.full_by_next,
                expected_l=outlook.expected_l,
                emptied_at=outlook.emptied_at,
                heard_at=outlook.heard_at,
                need=candidate.needs.get(outlook.bin_id),
            )
            for outlook in candidate.bins
        ),
    )


def _notes(briefing: Briefing) -> list[Note]:
    """Say for which streams nothing drives or nothing is open, and which weights had to be assumed."""
    notes = []
    carried = frozenset[Stream]().union(*(parse_streams(truck.streams) for truck in briefing.fleet.trucks))
    accepted = frozenset[Stream]().union(*(parse_streams(place.facility.streams) for place in briefing.fleet.unloading))
    for stream in sorted({candidate.stream for candidate in briefing.grouped.candidates}):
        stops = sum(candidate.stream is stream for candidate in briefing.grouped.candidates)
        if stream not in carried:
            notes.append(Note(code="no_truck_for_stream", numbers={"stream": stream.value, "stops": stops}))
        if stream not in accepted:
            notes.append(Note(code="no_facility_for_stream", numbers={"stream": stream.value, "stops": stops}))
        if stream not in briefing.ground.rules:
            notes.append(Note(code="density_assumed", numbers={"stream": stream.value}))
    return notes
