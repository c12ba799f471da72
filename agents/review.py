"""Review: a person decides. The row of the proposal says what was decided; the graph only reads it.

A decision is one compare-and-set on the version the person saw, with its journal entry, in one transaction. Of many
at once exactly one wins. The same person repeating the same decision about the same version (a retried request) gets
the same answer and nothing is written again; everybody else gets a `ConflictError`.
"""

from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from agents.changes import beyond
from agents.errors import ConflictError, RefusedError, StaleVersionError
from agents.proposals import Proposal, ProposalKind, ProposalState, ProposalVersion, current, move, plan_of
from city.clock import Clock
from city.database import reading, transaction
from city.journal import CLOCK


def approve(engine: Engine, clock: Clock, *, proposal_id: str, version: int, actor: str, reason: str = "") -> Proposal:
    """Approve exactly the version that was shown; the agents publish it then.

    Parameters
    ----------
    version
        The version the person saw.
    actor
        The account that decides, as the door authenticated it.
    reason
        What the person wants to add.

    Raises
    ------
    NotFoundError
        If there is no such proposal.
    StaleVersionError
        If the proposal has changed since.
    ConflictError
        If it is not pending any more, its time is over, or it is a change that the day has moved on beyond.
    RefusedError
        If nobody is named as deciding.
    """
    return _decide(
        engine, clock, ProposalState.APPROVED, proposal_id=proposal_id, version=version, actor=actor, reason=reason
    )


def reject(engine: Engine, clock: Clock, *, proposal_id: str, version: int, actor: str, reason: str) -> Proposal:
    """Reject the version that was shown. Nothing is dispatched; the reason is kept.

    Raises
    ------
    RefusedError
        If no reason is given; and everything that `approve` raises.
    """
    if not reason.strip():
        raise RefusedError("reason_missing", proposal_id=proposal_id)
    return _decide(
        engine, clock, ProposalState.REJECTED, proposal_id=proposal_id, version=version, actor=actor, reason=reason
    )


def _decide(
    engine: Engine,
    clock: Clock,
    decision: ProposalState,
    *,
    proposal_id: str,
    version: int,
    actor: str,
    reason: str,
) -> Proposal:
    if not actor.strip():
        raise RefusedError("actor_missing", subject=proposal_id)
    now = clock.now()
    with transaction(engine) as session:
        proposal = current(session, proposal_id)
        if _is_repeated(proposal, version, actor, decision):
            return proposal
        if proposal.state is ProposalState.PENDING and now >= proposal.expires_at:
            raise ConflictError("time_is_over", proposal_id=proposal_id)
        shown_hash = session.exec(
            select(ProposalVersion.material_hash).where(
                ProposalVersion.proposal_id == proposal_id, ProposalVersion.version == version
            )
        ).one_or_none()
        if shown_hash is None:
            raise StaleVersionError("stale_version", proposal_id=proposal_id, version=version, current=proposal.version)
        if decision is ProposalState.APPROVED and proposal.kind is ProposalKind.CHANGE:
            _must_be_current(session, proposal, version, now)
        try:
            move(
                session,
                proposal_id=proposal_id,
                version=version,
                state=ProposalState.PENDING,
                to=decision,
                at=now,
                actor=actor,
                reason=reason,
                decided_at=now,
                decided_by=actor,
                decision_reason=reason,
                decided_hash=shown_hash,
            )
        except ConflictError:
            # Two requests of one person may have read the row as pending together; the later finds it decided.
            proposal = current(session, proposal_id)
            if _is_repeated(proposal, version, actor, decision):
                return proposal
            raise
        return current(session, proposal_id)


def _must_be_current(session: Session, proposal: Proposal, version: int, now: datetime) -> None:
    """Refuse the approval of a change that the day has moved on beyond; the agents make it anew.

    Raises
    ------
    ConflictError
        Naming the truck or stop.
    """
    if proposal.state is not ProposalState.PENDING:
        return
    subject = beyond(session, proposal.id, plan_of(session, proposal.id, version), now)
    if subject is not None:
        raise ConflictError("day_moved_on", proposal_id=proposal.id, subject=subject)


def _is_repeated(proposal: Proposal, version: int, actor: str, decision: ProposalState) -> bool:
    taken = proposal.state is decision or (
        decision is ProposalState.APPROVED and proposal.state is ProposalState.PUBLISHED
    )
    return taken and proposal.version == version and proposal.decided_by == actor


def expire(engine: Engine, now: datetime) -> list[str]:
    """Let every pending proposal whose time is over expire; the journal tells. Returns their ids.

    An expired proposal is never executed. A decision that comes in between wins or loses as a whole.
    """
    with reading(engine) as session:
        overdue = session.exec(
            select(Proposal.id, Proposal.version).where(
                Proposal.state == ProposalState.PENDING, col(Proposal.expires_at) <= now
            )
        ).all()
    expired = []
    for proposal_id, version in overdue:
        try:
            with transaction(engine) as session:
                move(
                    session,
                    proposal_id=proposal_id,
                    version=version,
                    state=ProposalState.PENDING,
                    to=ProposalState.EXPIRED,
                    at=now,
                    actor=CLOCK,
                )
        except ConflictError:
            continue  # decided or edited in between; an edited one expires in the next round
        expired.append(proposal_id)
    return expired
