"""Decisions on proposals. Who decides is whoever the credential says; no field of the request can change that."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from agents import review
from agents.proposals import read_proposal
from api.access import Permission, Principal, needs
from api.conditions import IfMatch, seen_version, with_etag
from api.context import Context, Here
from api.fields import Body, InLanguage, PathId, Text
from api.problems import refusals
from api.resources.proposals import find_proposal, tag_of
from api.views.names import read_names
from api.views.proposal import ProposalLine, line_of
from city.database import reading
from city.wording import Language

router = APIRouter(tags=["proposals"])

_ANSWERS = with_etag(200) | refusals(
    "malformed", "unauthenticated", "forbidden", "not-found", "wrong-state", "changed-since-read", "invalid-request",
    "read-first",
)  # fmt: skip

Decider = Annotated[Principal, needs(Permission.DECIDE)]


class Approval(Body):
    """What the approver wants to add."""

    reason: Text = Field(default="", examples=["Market day: more wet waste than usual"])


class Rejection(Body):
    """Why the proposal is rejected."""

    reason: Text = Field(examples=["Truck 17 is not back from repair"])


@router.post("/proposals/{proposal_id}/approve", responses=_ANSWERS)
def approve_proposal(
    *,
    context: Here,
    principal: Decider,
    language: InLanguage,
    response: Response,
    proposal_id: PathId,
    if_match: IfMatch = None,
    body: Approval | None = None,
) -> ProposalLine:
    """Approve exactly the version that was read; the agents send it out, once.

    Of many approvals at once one counts. The same person repeating it gets the same answer, everybody else 409.
    """
    version = _seen(context, principal, proposal_id, if_match)
    review.approve(
        context.engine,
        context.clock,
        proposal_id=proposal_id,
        version=version,
        actor=principal.actor,
        reason=body.reason if body else "",
    )
    return _decided(context, proposal_id, language, response)


@router.post("/proposals/{proposal_id}/reject", responses=_ANSWERS | refusals("reason-missing", "invalid-request"))
def reject_proposal(
    *,
    context: Here,
    principal: Decider,
    language: InLanguage,
    response: Response,
    proposal_id: PathId,
    body: Rejection,
    if_match: IfMatch = None,
) -> ProposalLine:
    """Reject the version that was read, with the reason; nothing is dispatched."""
    version = _seen(context, principal, proposal_id, if_match)
    review.reject(
        context.engine,
        context.clock,
        proposal_id=proposal_id,
        version=version,
        actor=principal.actor,
        reason=body.reason,
    )
    return _decided(context, proposal_id, language, response)


def _seen(context: Context, principal: Principal, proposal_id: str, if_match: str | None) -> int:
    with reading(context.engine) as session:
        shown = find_proposal(session, principal, Permission.DECIDE, proposal_id)
    return seen_version(if_match, shown.proposal.version)


def _decided(context: Context, proposal_id: str, language: Language, response: Response) -> ProposalLine:
    with reading(context.engine) as session:
        shown = read_proposal(session, proposal_id)
        response.headers["ETag"] = tag_of(shown.proposal.version, shown.proposal.state, language)
        return line_of(shown.proposal, shown.summary, read_names(session, language))
