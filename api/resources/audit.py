"""The audit: every decision and sign-in, newest first."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import col, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import QueryId
from api.paging import Cursor, Limit, Page, cut, start_after
from api.problems import refusals
from city.database import reading
from city.journal import AuditRecord

router = APIRouter(tags=["audit"])


class AuditView(BaseModel):
    """Something that was done."""

    id: int
    at: datetime = Field(description="the city's time")
    actor: str = Field(description="who did it", examples=["li.wei"])
    action: str = Field(examples=["proposal.approved"])
    subject: str = Field(description="the object, kind/id", examples=["proposal/huangpu-2026-03-03-morning-1"])
    district_id: str | None
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


@router.get("/audit", responses=refusals("unauthenticated", "forbidden", "invalid-request"))
def list_audit(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_AUDIT)],
    subject: QueryId = None,
    actor: QueryId = None,
    action: Annotated[QueryId, Query(description="an action, or the first part of one: `proposal`")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditView]:
    """List what was done, newest first: in the caller's districts, or (with a role for every district) everything."""
    query = select(AuditRecord).order_by(col(AuditRecord.id).desc()).limit(limit + 1)
    allowed = principal.districts(Permission.READ_AUDIT)
    if allowed is not None:
        query = query.where(col(AuditRecord.district_id).in_(allowed))
    if subject is not None:
        query = query.where(AuditRecord.subject == subject)
    if actor is not None:
        query = query.where(AuditRecord.actor == actor)
    if action is not None:
        query = query.where(
            (col(AuditRecord.action) == action) | col(AuditRecord.action).startswith(f"{action}.", autoescape=True)
        )
    after = start_after(cursor, int)
    if after is not None:
        query = query.where(col(AuditRecord.id) < after[0])
    with reading(context.engine) as session:
        rows = session.exec(query).all()
    page, next_cursor = cut(rows, limit, lambda row: (row.id or 0,))
    return Page(items=[AuditView.model_validate(row, from_attributes=True) for row in page], next_cursor=next_cursor)
