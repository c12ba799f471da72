"""Proposing: a verified plan becomes a proposal that waits for a person, once for each planning cycle."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session, select

from agents.by_hand import ByHand
from agents.cycles import PlanningCycle
from agents.errors import ConflictError
from agents.planner import PLANNER, Planned
from agents.problems import store_problem
from agents.proposals import Proposal, ProposalState, move, version_of
from city.journal import record


def propose(session: Session, cycle: PlanningCycle, planned: Planned, *, expires_at: datetime, at: datetime) -> None:
    """Write the proposal of a held cycle, in the caller's transaction.

    A pending proposal of the same shift is superseded: only a cycle that a person asked for gets here while there is
    one (`cycles.request`). One that was approved meanwhile stands, and what was edited meanwhile is not undone.

    Raises
    ------
    ConflictError
        ``already_decided`` if the shift has an approved or published proposal, ``edited_meanwhile`` if the pending one
        has another version than the plan started from; nothing is written.
    """
    _supersede(session, cycle, planned.by_hand, at)
    problem_hash = store_problem(session, replace(planned.problem, locks=()))
    session.add(
        Proposal(
            id=cycle.proposal_id,
            cycle_id=cycle.number,
            district_id=cycle.district_id,
            service_date=cycle.service_date,
            shift_id=cycle.shift_id,
            thread_id=cycle.thread_id,
            live_key=cycle.thread_id,
            state=ProposalState.PENDING,
            version=1,
            closures=list(planned.known),
            created_at=at,
            expires_at=expires_at,
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
        )
    )
    record(
        session,
        at=at,
        actor=PLANNER,
        action=f"proposal.{ProposalState.PENDING}",
        subject=f"proposal/{cycle.proposal_id}",
        district_id=cycle.district_id,
        after={"state": ProposalState.PENDING, "version": 1, "trucks": planned.summary.trucks},
    )


def _supersede(session: Session, cycle: PlanningCycle, by_hand: ByHand, at: datetime) -> None:
    standing = session.exec(
        select(Proposal).where(Proposal.live_key == cycle.thread_id).with_for_update()
    ).one_or_none()
    if standing is None:
        return
    if standing.state is not ProposalState.PENDING:
        raise ConflictError("already_decided", proposal_id=standing.id, state=standing.state.value)
    if not by_hand.is_of(standing):
        raise ConflictError("edited_meanwhile", proposal_id=standing.id)
    move(
        session,
        proposal_id=standing.id,
        version=standing.version,
        state=ProposalState.PENDING,
        to=ProposalState.SUPERSEDED,
        at=at,
        actor=PLANNER,
        reason=cycle.proposal_id,
    )
