"""A change of a running day as a proposal, and whether the day has moved on beyond what it shows."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, select

from agents.changing import PlannedChange
from agents.cycles import PlanningCycle
from agents.day_events import hand_over
from agents.day_records import dispatches_of, records_of
from agents.errors import ConflictError
from agents.planner import PLANNER
from agents.problems import store_problem
from agents.progress import overtaken
from agents.proposals import (
    Proposal,
    ProposalKind,
    ProposalState,
    current,
    in_force,
    move,
    plan_of,
    version_of,
)
from city.hours import service_second
from city.journal import record
from city.store import zone_of
from routing.plan import Plan


def propose_change(session: Session, cycle: PlanningCycle, planned: PlannedChange, *, at: datetime) -> None:
    """Write the proposal of a held cycle, in the caller's transaction, in the place of a change that waits.

    Raises
    ------
    ConflictError
        ``day_moved_on`` if another plan is in force by now, ``being_carried_out`` if the change that waited has been
        approved, ``edited_meanwhile`` if it has been edited; nothing is written.
    """
    base = in_force(session, cycle.district_id, cycle.service_date, cycle.shift_id)
    if base is None or base.id != planned.base_id:
        raise ConflictError("day_moved_on", proposal_id=planned.base_id, subject=base.id if base else "-")
    give_way(session, cycle, planned.standing, at=at, successor=cycle.proposal_id)
    problem_hash = store_problem(session, replace(planned.problem, locks=()))
    session.add(
        Proposal(
            id=cycle.proposal_id,
            kind=ProposalKind.CHANGE,
            base_id=base.id,
            cycle_id=cycle.number,
            district_id=cycle.district_id,
            service_date=cycle.service_date,
            shift_id=cycle.shift_id,
            thread_id=cycle.thread_id,
            live_key=cycle.thread_id,
            state=ProposalState.PENDING,
            version=1,
            closures=list(planned.closures),
            created_at=at,
            expires_at=planned.expires_at,
        )
    )
    session.flush()
    session.add(
        version_of(
            cycle.proposal_id,
            1,
            at=at,
            author=PLANNER,
            problem_hash=problem_hash,
            plan=planned.plan,
            locks=planned.problem.truck_of_locked,
            reasons=planned.reasons,
            summary=planned.summary,
            difference=planned.difference,
        )
    )
    record(
        session,
        at=at,
        actor=PLANNER,
        action=f"proposal.{ProposalState.PENDING}",
        subject=f"proposal/{cycle.proposal_id}",
        district_id=cycle.district_id,
        after={
            "state": ProposalState.PENDING,
            "version": 1,
            "kind": ProposalKind.CHANGE,
            "base_id": base.id,
            "trucks": len(planned.difference.trucks),
        },
    )


def give_way(
    session: Session, cycle: PlanningCycle, standing: tuple[str, int] | None, *, at: datetime, successor: str
) -> None:
    """Let the change that waits be superseded by a cycle, which takes its events over.

    Parameters
    ----------
    standing
        The change that the cycle knew of, and its version.
    successor
        What the journal says stands in its place.

    Raises
    ------
    ConflictError
        ``being_carried_out`` or ``edited_meanwhile``, as `propose_change`.
    """
    found = session.exec(select(Proposal).where(Proposal.live_key == cycle.thread_id).with_for_update()).one_or_none()
    if found is None:
        if standing is not None:
            raise ConflictError("edited_meanwhile", proposal_id=standing[0])
        return
    if found.state is not ProposalState.PENDING:
        raise ConflictError("being_carried_out", proposal_id=found.id, state=found.state.value)
    if (found.id, found.version) != standing:
        raise ConflictError("edited_meanwhile", proposal_id=found.id)
    move(
        session,
        proposal_id=found.id,
        version=found.version,
        state=ProposalState.PENDING,
        to=ProposalState.SUPERSEDED,
        at=at,
        actor=PLANNER,
        reason=successor,
    )
    hand_over(session, found.cycle_id, cycle.number)


def beyond(session: Session, proposal_id: str, plan: Plan, now: datetime) -> str | None:
    """Say which stop, truck or plan has gone beyond what a change supposes; ``None``: it can be carried out."""
    proposal = current(session, proposal_id)
    base = in_force(session, proposal.district_id, proposal.service_date, proposal.shift_id)
    if base is None or base.id != proposal.base_id:
        return base.id if base else proposal.base_id
    dispatches = dispatches_of(session, proposal.district_id, proposal.service_date, proposal.shift_id)
    now_s = service_second(proposal.service_date, now, zone_of(session))
    return overtaken(plan_of(session, base.id), plan, records_of(session, dispatches), now_s)
