"""Two other plans beside the one proposed, in numbers: with the fewest trucks, and with the least change of habit.

They show what a wish would cost. Nobody approves them: who wants one edits the plan, or asks for another.
"""

from collections.abc import Mapping
from dataclasses import replace

from sqlmodel import Session, col, select

from agents.proposals import Proposal, ProposalKind, ProposalState, plan_of
from agents.shifts import ShiftDay
from agents.solvers import Solvers
from agents.summary import Alternative, Wish
from routing.plan import Plan
from routing.pricing import cost_of
from routing.problem import Preferences, Problem

# Each may take this share of the time in which the plan was found, from which it starts.
SHARE_OF_TIME = 0.2
# Dear enough that a truck, or a stop on another truck, is given up for whatever it saves otherwise.
TRUCK_CENTS, CHANGE_CENTS = 10_000_000, 100_000


def habit(session: Session, day: ShiftDay) -> dict[str, str]:
    """Return which truck served which stop when a shift was last driven, by stop id."""
    last = session.exec(
        select(Proposal.id)
        .where(
            Proposal.district_id == day.district_id,
            Proposal.shift_id == day.shift_id,
            Proposal.service_date < day.service_date,
            Proposal.kind == ProposalKind.PLAN,
            Proposal.state == ProposalState.PUBLISHED,
        )
        .order_by(col(Proposal.service_date).desc(), col(Proposal.cycle_id).desc())
        .limit(1)
    ).first()
    if last is None:
        return {}
    return {stop_id: route.truck_id for route in plan_of(session, last).routes for stop_id in route.stop_ids}


def find_alternatives(
    solvers: Solvers, problem: Problem, plan: Plan, usual: Mapping[str, str], *, seconds: float, seed: int
) -> tuple[Alternative, ...]:
    """Find the plans with the fewest trucks, and nearest to the habit, starting from a plan.

    Parameters
    ----------
    usual
        Truck id of every stop when the shift was last driven.
    seconds
        The time in which the plan was found.
    """
    in_force = tuple(
        (stop_id, truck_id)
        for stop_id, truck_id in sorted(usual.items())
        if stop_id in problem.stop_by_id and truck_id in problem.truck_by_id
    )
    wishes: dict[Wish, Problem] = {}
    if len(plan.routes) > 1:
        trucks = tuple(replace(truck, fixed_cents=truck.fixed_cents + TRUCK_CENTS) for truck in problem.trucks)
        wishes[Wish.FEWEST_TRUCKS] = replace(problem, trucks=trucks)
    if in_force and len(problem.trucks) > 1:
        preferences = Preferences(change_cents=CHANGE_CENTS, in_force=in_force)
        wishes[Wish.LEAST_CHANGE] = replace(problem, preferences=preferences)
    found = []
    for wish, wished in wishes.items():
        other = solvers.solve(wished, seconds * SHARE_OF_TIME, seed=seed, start=plan)
        left = sum(problem.must_serve(problem.stop_by_id[gone.stop_id]) for gone in other.unserved)
        found.append(
            Alternative(
                wish=wish,
                trucks=len(other.routes),
                distance_m=other.distance_m,
                duration_s=other.duration_s,
                cost_cents=cost_of(problem, other.routes, other.unserved).driving_cents,
                stops=sum(len(route.stop_ids) for route in other.routes),
                left_out_required=left,
                changed=_changed(other, in_force),
                plan_changed=_changed(plan, in_force),
            )
        )
    return tuple(found)


def _changed(plan: Plan, in_force: tuple[tuple[str, str], ...]) -> int | None:
    """Count the stops that a plan serves by another truck than usual."""
    if not in_force:
        return None
    truck_of = {stop_id: route.truck_id for route in plan.routes for stop_id in route.stop_ids}
    return sum(truck_of.get(stop_id, truck_id) != truck_id for stop_id, truck_id in in_force)
