"""The planner: which truck, in what order? It puts the shift's stops on the streets, has them solved in another
process, checks the plan and writes the explanation. A plan that `verify` refuses is never proposed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlmodel import Session, col, select

from agents.cycles import Outcome, leaves_from
from agents.decisions import Decision, Rule
from agents.errors import PlanningError
from agents.fleet import Fleet, read_fleet, wanted
from agents.ground import Ground, read_ground
from agents.needs import Need
from agents.outlook import BinOutlook, outlooks
from agents.proposals import Proposal, ProposalState, read_proposal
from agents.reasons import BinEvidence, Exclusion, Standing, StopReason
from agents.roads import closed_ways
from agents.shifts import ShiftDay
from agents.stops import Candidate, Grouped, JudgedNeed, group
from agents.summary import Note, Summary, summarise
from agents.surroundings import Surroundings
from agents.task import Task, build_task
from city.database import reading
from city.streams import Stream, parse_streams
from routing.plan import Plan, Unserved, UnservedReason
from routing.problem import Lock, Problem
from routing.verify import verify

# Who wrote a version that nobody edited, in the journal and beside the plan.
PLANNER = "planner"

EXCLUDED_BY = {
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
    locks
        Truck id of every locked stop, by stop id.
    """

    problem: Problem
    plan: Plan
    reasons: Mapping[str, StopReason]
    summary: Summary
    locks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A shift for which no truck has to leave, and why."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people fixed in the proposal that a new one will supersede: a plan made anew does not undo it.

    Attributes
    ----------
    locks
        Truck id of every locked stop, by stop id.
    dropped
        Who took a stop out, by stop id.
    """

    locks: Mapping[str, str]
    dropped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Briefing:
    """All that planning a shift starts from, read at one moment."""

    ground: Ground
    fleet: Fleet
    grouped: Grouped
    closed_ways: frozenset[int]
    needs: int
    by_hand: ByHand

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
    grouped = group(ground, bins, needs)
    fleet = wanted(read_fleet(session, ground), frozenset(stop.stream for stop in grouped.candidates))
    closed = closed_ways(session, ground.begins_at, ground.day.ends_at)
    return Briefing(ground, fleet, grouped, closed, len(needs), _by_hand(session, ground.day))


def _by_hand(session: Session, day: ShiftDay) -> ByHand:
    standing = session.exec(
        select(Proposal.id).where(Proposal.live_key == day.thread_id, Proposal.state == ProposalState.PENDING)
    ).one_or_none()
    if standing is None:
        return ByHand({}, {})
    shown = read_proposal(session, standing)
    dropped = {
        stop_id: reason.changed_by or ""
        for stop_id, reason in shown.reasons.items()
        if reason.standing is Standing.DROPPED
    }
    return ByHand(shown.version.locks, dropped)


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
    if not briefing.fleet.trucks:
        raise PlanningError("no_trucks", district_id=ground.day.district_id, shift_id=ground.day.shift_id)
    task = build_task(ground, briefing.fleet, briefing.to_plan, surroundings.roads, briefing.closed_ways)
    locks, lost = _kept_locks(task.problem, briefing.by_hand.locks)
    task = replace(task, problem=replace(task.problem, locks=locks), notes=(*task.notes, *lost))
    plan = surroundings.solvers.solve(
        task.problem, surroundings.settings.solve_seconds, seed=surroundings.settings.seed
    )
    check(task.problem, plan)
    reasons = explain(briefing, task, plan)
    summary = summarise(plan, reasons, [*task.notes, *_notes(briefing)])
    if not plan.routes:
        return _nothing_drives(reasons)
    return Planned(task.problem, plan, reasons, summary, dict(task.problem.truck_of_locked))


def _kept_locks(problem: Problem, wished: Mapping[str, str]) -> tuple[tuple[Lock, ...], list[Note]]:
    """Keep the locks whose stop and truck are still there and fit, and say which had to be given up."""
    kept, lost = [], []
    for stop_id, truck_id in sorted(wished.items()):
        stop, truck = problem.stop_by_id.get(stop_id), problem.truck_by_id.get(truck_id)
        if stop is not None and truck is not None and truck.fits(stop):
            kept.append(Lock(stop_id, truck_id))
        else:
            lost.append(Note(code="lock_given_up", numbers={"stop_id": stop_id, "truck": truck_id}))
    return tuple(kept), lost


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
    missed = [reason for reason in reasons.values() if reason.required and reason.unserved is not None]
    if not missed:
        return Quiet(Outcome(code="nothing_worth_a_truck", numbers={"stops": len(reasons)}))
    first = min(missed, key=lambda reason: reason.stop_id)
    raise PlanningError(
        "nothing_can_be_served",
        stops=len(missed),
        stop_id=first.stop_id,
        unserved=first.unserved,
    )


def explain(briefing: Briefing, task: Task, plan: Plan) -> dict[str, StopReason]:
    """Write down why each stop is in the plan or not, by stop id."""
    left_out = {left.stop_id: left for left in plan.unserved}
    reasons = {}
    for candidate in briefing.grouped.candidates:
        if candidate.stop_id in briefing.by_hand.dropped:
            reasons[candidate.stop_id] = reason_of(briefing.ground, candidate).model_copy(
                update={
                    "standing": Standing.DROPPED,
                    "unserved": Unserved(candidate.stop_id, UnservedReason.TAKEN_OUT),
                    "changed_by": briefing.by_hand.dropped[candidate.stop_id],
                }
            )
            continue
        left = left_out.get(candidate.stop_id)
        if candidate.stop_id in task.off_network:
            reasons[candidate.stop_id] = reason_of(briefing.ground, candidate, excluded=Exclusion.OFF_NETWORK)
        elif left is None:
            reasons[candidate.stop_id] = reason_of(briefing.ground, candidate)
        else:
            reasons[candidate.stop_id] = reason_of(briefing.ground, candidate).model_copy(
                update={"standing": Standing.LEFT_OUT, "unserved": left}
            )
    for candidate in briefing.grouped.kept_back:
        excluded = EXCLUDED_BY[candidate.decision.rule]
        reasons[candidate.stop_id] = reason_of(briefing.ground, candidate, excluded=excluded)
    return reasons


def reason_of(ground: Ground, candidate: Candidate, *, excluded: Exclusion | None = None) -> StopReason:
    """Write down what is known of a stop and by which rule it was decided, as served or as excluded."""
    return StopReason(
        stop_id=candidate.stop_id,
        point_id=candidate.point.id,
        point_name=candidate.point.name,
        stream=candidate.stream,
        standing=Standing.SERVED if excluded is None else Standing.EXCLUDED,
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
        excluded=excluded,
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
