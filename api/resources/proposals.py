"""Proposals: what the agents want to do, to be read before it is decided."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session, and_, col, select

import agents.proposals
from agents.proposals import Proposal, ProposalState, ProposalVersion, Shown
from agents.summary import Summary
from api.access import Permission, Principal, needs
from api.conditions import with_etag
from api.context import Here
from api.fields import InLanguage, PathId, QueryId
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import Refusal, refusals
from api.views.names import read_names
from api.views.proposal import ProposalLine, ProposalView, line_of, view_of
from city.database import reading
from city.wording import Language
from routing.plan import VisitKind

router = APIRouter(tags=["proposals"])


@router.get("/proposals", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_proposals(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    state: Annotated[list[ProposalState] | None, Query(description="only these states; can be given again")] = None,
    district: QueryId = None,
    service_date: Annotated[date | None, Query(description="only this service date")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ProposalLine]:
    """List proposals of the caller's districts, newest first."""
    allowed = principal.within(Permission.READ_PROPOSALS, district)
    query = (
        select(Proposal, ProposalVersion.summary)
        .join(
            ProposalVersion,
            and_(
                col(ProposalVersion.proposal_id) == col(Proposal.id),
                col(ProposalVersion.version) == col(Proposal.version),
            ),
        )
        .order_by(col(Proposal.created_at).desc(), col(Proposal.id).desc())
        .limit(limit + 1)
    )
    if allowed is not None:
        query = query.where(col(Proposal.district_id).in_(allowed))
    if state:
        query = query.where(col(Proposal.state).in_(state))
    if service_date is not None:
        query = query.where(Proposal.service_date == service_date)
    after = start_after(cursor, datetime, str)
    if after is not None:
        query = query.where(beyond((col(Proposal.created_at), col(Proposal.id)), after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
        names = read_names(session, language)
    page, next_cursor = cut(rows, limit, lambda row: (row[0].created_at, row[0].id))
    return Page(
        items=[line_of(proposal, Summary.model_validate(summary), names) for proposal, summary in page],
        next_cursor=next_cursor,
    )


@router.get(
    "/proposals/{proposal_id}",
    responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request") | with_etag(200),
)
def read_proposal(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    response: Response,
    proposal_id: PathId,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="an older version; none: the current")] = None,
) -> ProposalView:
    """Read a proposal: every route with its stops in order, why each is there, and what is left out and why.

    The ETag stands for the version and state that was read; a decision or an edit names it in `If-Match`.
    """
    with reading(context.engine) as session:
        shown = find_proposal(session, principal, Permission.READ_PROPOSALS, proposal_id, version)
        response.headers["ETag"] = tag_of(shown.version.version, shown.proposal.state, language)
        return show(session, shown, language)


def find_proposal(
    session: Session,
    principal: Principal,
    permission: Permission,
    proposal_id: str,
    version: int | None = None,
) -> Shown:
    """Read a proposal in which somebody may do something.

    Raises
    ------
    Refusal
        If they may not, or it is not there: the same ``not-found`` for a foreign one as for none.
    """
    proposal = session.get(Proposal, proposal_id)
    if proposal is None:
        raise Refusal("not-found")
    principal.require(permission, proposal.district_id)
    return agents.proposals.read_proposal(session, proposal_id, version)


def show(session: Session, shown: Shown, language: Language) -> ProposalView:
    """Put a proposal into words and names."""
    visits = [visit for route in shown.plan.routes for visit in route.visits]
    names = read_names(
        session,
        language,
        points=(reason.point_id for reason in shown.reasons.values()),
        facilities=(visit.subject_id for visit in visits if visit.kind is VisitKind.UNLOAD),
        trucks=(route.truck_id for route in shown.plan.routes),
    )
    return view_of(shown, names)


def tag_of(version: int, state: ProposalState, language: Language) -> str:
    """Return the ETag of a proposal in one language. What comes before the first dot is the version."""
    return f'"{version}.{state.value}.{language}"'
