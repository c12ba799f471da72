"""Dispatches: approved routes in the hands of crews."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from agents.dispatches import Dispatch, DispatchState, visits_of
from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage, PathId, QueryId
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import Refusal, refusals
from api.views.dispatch import DispatchLine, DispatchView, dispatch_line, dispatch_view
from api.views.names import read_names
from city.database import reading
from city.wording import Language
from sensors.service import ServiceRecord

router = APIRouter(tags=["dispatches"])


@router.get("/dispatches", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_dispatches(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_DISPATCHES)],
    language: InLanguage,
    state: Annotated[list[DispatchState] | None, Query(description="only these states; can be given again")] = None,
    district: QueryId = None,
    service_date: Annotated[date | None, Query(description="only this service date")] = None,
    proposal: QueryId = None,
    truck: QueryId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DispatchLine]:
    """List dispatches of the caller's districts, the latest to leave first."""
    allowed = principal.within(Permission.READ_DISPATCHES, district)
    query = select(Dispatch).order_by(col(Dispatch.leaves_at).desc(), col(Dispatch.id).desc()).limit(limit + 1)
    if allowed is not None:
        query = query.where(col(Dispatch.district_id).in_(allowed))
    if state:
        query = query.where(col(Dispatch.state).in_(state))
    for column, wanted in (
        (Dispatch.service_date, service_date),
        (Dispatch.proposal_id, proposal),
        (Dispatch.truck_id, truck),
    ):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    after = start_after(cursor, datetime, str)
    if after is not None:
        query = query.where(beyond((col(Dispatch.leaves_at), col(Dispatch.id)), after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
        names = read_names(session, language, trucks=(row.truck_id for row in rows))
    page, next_cursor = cut(rows, limit, lambda row: (row.leaves_at, row.id))
    return Page(items=[dispatch_line(row, names) for row in page], next_cursor=next_cursor)


@router.get(
    "/dispatches/{dispatch_id}", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request")
)
def read_dispatch(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_DISPATCHES)],
    language: InLanguage,
    dispatch_id: PathId,
) -> DispatchView:
    """Read a dispatch: where its truck goes, in order, and what the crew reported of every stop."""
    with reading(context.engine) as session:
        dispatch = find_dispatch(session, principal, Permission.READ_DISPATCHES, dispatch_id)
        return show(session, dispatch, language)


def find_dispatch(session: Session, principal: Principal, permission: Permission, dispatch_id: str) -> Dispatch:
    """Read a dispatch with which somebody may do something; ``not-found`` for a foreign one as for none."""
    dispatch = session.get(Dispatch, dispatch_id)
    if dispatch is None:
        raise Refusal("not-found")
    principal.require(permission, dispatch.district_id)
    return dispatch


def show(session: Session, dispatch: Dispatch, language: Language) -> DispatchView:
    """Put a dispatch into words and names."""
    visits = visits_of(session, dispatch.id)
    records = session.exec(select(ServiceRecord).where(ServiceRecord.dispatch_id == dispatch.id)).all()
    names = read_names(
        session,
        language,
        points=(visit.point_id for visit in visits if visit.point_id),
        facilities=(visit.facility_id for visit in visits if visit.facility_id),
        trucks=[dispatch.truck_id],
    )
    return dispatch_view(dispatch, visits, records, names)
