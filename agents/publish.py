"""Publishing: an approved version becomes dispatches, once, whatever is retried, killed or asked for twice at the time.

The proposal moves from approved to published in the transaction that writes its dispatches, so that either both are
there or neither; a second attempt finds it published and answers with what is there.
"""

from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from agents.carrying_out import carry_out
from agents.changes import beyond
from agents.day_events import hand_over
from agents.dispatches import Dispatch
from agents.errors import ConflictError
from agents.proposals import ProposalKind, ProposalState, Shown, current, material_hash, move, read_proposal
from agents.said import said
from agents.shifts import shift_end
from agents.writing_dispatches import PUBLISHER, begin_writing, write_dispatches
from city.clock import Clock
from city.database import transaction


def publish(engine: Engine, clock: Clock, proposal_id: str) -> list[str]:
    """Make or change the dispatches of an approved proposal and return their ids; of a published one, those it has.

    A proposal that must not go out any more is withdrawn instead, with the reason in the journal, and has none: when
    its shift is over, or when its plan is not the one that was approved.

    Raises
    ------
    NotFoundError
        If there is no such proposal.
    ConflictError
        If it is neither approved, published nor withdrawn: nobody has decided that it may go out.
    """
    with transaction(engine) as session:
        proposal = current(session, proposal_id, for_update=True)
        if proposal.state is ProposalState.APPROVED:
            _settle(session, read_proposal(session, proposal_id), clock.now())
        elif proposal.state not in (ProposalState.PUBLISHED, ProposalState.WITHDRAWN):
            raise ConflictError("not_approved", proposal_id=proposal_id, state=proposal.state.value)
        ids = session.exec(
            select(Dispatch.id).where(or_(Dispatch.proposal_id == proposal_id, col(Dispatch.changed_by) == proposal_id))
        )
        return sorted(ids)


def _settle(session: Session, shown: Shown, now: datetime) -> None:
    """Publish or withdraw an approved proposal whose row is locked."""
    proposal = shown.proposal
    change = proposal.kind is ProposalKind.CHANGE
    hindrance = _hindrance(session, shown, now)
    # A change that is carried out is the plan in force; the next one may wait beside it.
    frees = {"live_key": None} if change and hindrance is None else {}
    move(
        session,
        proposal_id=proposal.id,
        version=shown.version.version,
        state=ProposalState.APPROVED,
        to=ProposalState.WITHDRAWN if hindrance else ProposalState.PUBLISHED,
        at=now,
        actor=PUBLISHER,
        reason=said(f"withdrawn.{hindrance}", "en", {}) if hindrance else "",
        code=hindrance,
        **frees,
    )
    if hindrance == "day_moved_on":
        hand_over(session, proposal.cycle_id, None)
    elif hindrance is None and change:
        carry_out(session, shown, begin_writing(session, shown), now)
    elif hindrance is None:
        write_dispatches(session, begin_writing(session, shown), shown.plan.routes, now)


def _hindrance(session: Session, shown: Shown, now: datetime) -> str | None:
    """Return the code of ``withdrawn.*`` that says why it must not go out, or ``None``."""
    if material_hash(shown.plan) != shown.proposal.decided_hash:
        return "approval_does_not_cover_it"
    if now >= shift_end(session, shown.proposal.shift_id, shown.proposal.service_date):
        return "shift_is_over"
    if shown.proposal.kind is ProposalKind.CHANGE and beyond(session, shown.proposal.id, shown.plan, now) is not None:
        return "day_moved_on"
    return None
