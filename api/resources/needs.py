"""Needs: what deserves somebody's attention now, with the evidence and what the dispatcher made of it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import func, literal
from sqlmodel import col, select

from agents.decisions import Decision
from agents.needs import Need, NeedAction, NeedReason
from agents.reasons import rule_sentence
from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage, QueryId
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import refusals
from api.views.names import Names, read_names
from city.database import UtcDateTime, reading
from city.streams import Stream

router = APIRouter(tags=["needs"])

# Sorts needs without a deadline behind all others.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_DEADLINE = func.coalesce(col(Need.deadline), literal(NEVER, UtcDateTime()))


class NeedView(BaseModel):
    """Something that should not be left alone."""

    id: int
    district_id: str
    point_id: str
    point: str = Field(description="name of the place")
    stream: Stream
    bin_id: str | None = Field(description="none: every bin of the stream there")
    reason: NeedReason
    confidence: float
    deadline: datetime | None
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None = Field(description="none: still open")
    evidence: dict[str, Any]
    action: NeedAction | None = Field(description="what the dispatcher made of it; none: nothing yet")
    why: str | None = Field(description="why that, in the caller's language")


@router.get("/needs", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_needs(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    district: QueryId = None,
    reason: Annotated[list[NeedReason] | None, Query(description="only these causes; can be given again")] = None,
    action: Annotated[list[NeedAction] | None, Query(description="only these actions; can be given again")] = None,
    closed: Annotated[bool, Query(description="those that are closed instead of those that are open")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[NeedView]:
    """List the needs of the caller's districts, the most urgent first."""
    allowed = principal.within(Permission.READ_PROPOSALS, district)
    query = select(Need).order_by(_DEADLINE, col(Need.id)).limit(limit + 1)
    query = query.where(col(Need.open_key).is_(None) if closed else col(Need.open_key).is_not(None))
    if allowed is not None:
        query = query.where(col(Need.district_id).in_(allowed))
    if reason:
        query = query.where(col(Need.reason).in_(reason))
    if action:
        query = query.where(col(Need.action).in_(action))
    after = start_after(cursor, datetime, int)
    if after is not None:
        query = query.where(beyond((_DEADLINE, col(Need.id)), after))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
        names = read_names(session, language, points=(row.point_id for row in rows))
    page, next_cursor = cut(rows, limit, lambda row: (row.deadline or NEVER, row.id or 0))
    return Page(items=[_view(row, names) for row in page], next_cursor=next_cursor)


def _view(need: Need, names: Names) -> NeedView:
    decision = Decision.model_validate(need.action_reason) if need.action_reason else None
    place = names.points.get(need.point_id)
    return NeedView(
        **need.model_dump(exclude={"action_reason", "open_key"}),
        point=place.name if place else need.point_id,
        why=rule_sentence(decision.rule, decision.numbers, names.language, names.timezone) if decision else None,
    )
