"""Work orders: jobs that are not a route, with the evidence for whoever goes there."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from api.access import Permission, Principal, needs
from api.conditions import IfMatch, seen_version, with_etag
from api.context import Here
from api.fields import Body, Id, InLanguage, QueryId, Text
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import Refusal, refusals
from api.views.names import Names, read_names
from city.database import reading
from sensors import work_orders
from sensors.telling import order_text
from sensors.work_orders import WorkOrder, WorkOrderKind, WorkOrderState

router = APIRouter(tags=["work orders"])

Reader = Annotated[Principal, needs(Permission.READ_WORK_ORDERS)]
Handler = Annotated[Principal, needs(Permission.HANDLE_WORK_ORDERS)]
OrderNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class WorkOrderView(BaseModel):
    """A job for somebody who goes there."""

    id: int
    kind: WorkOrderKind
    state: WorkOrderState
    object: str = Field(description="what is to be mended, kind/id", examples=["device/24e124713d341234"])
    cause: str = Field(description="why, as a code", examples=["battery"])
    text: str = Field(description="why, in the caller's language")
    district_id: str | None
    point_id: str | None
    point: str | None = Field(description="name of the place")
    bin_id: str | None
    device_id: str | None
    evidence: dict[str, Any]
    opened_at: datetime
    assigned_to: str | None
    recovered_at: datetime | None = Field(description="when its cause was gone, while somebody was on it")
    ended_at: datetime | None
    ended_by: str | None = Field(description="`sensors`: its cause was gone before anybody went")
    note: str


class Step(Body):
    """What becomes of an order."""

    state: Literal["assigned", "done", "cancelled"]
    assigned_to: Id | None = Field(default=None, description="who goes there; none: the caller. Only with `assigned`")
    note: Text = Field(default="", description="what was done, or why not; needed with `done` and `cancelled`")


@router.get("/work-orders", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_work_orders(
    *,
    context: Here,
    principal: Reader,
    language: InLanguage,
    state: Annotated[list[WorkOrderState] | None, Query(description="only these states; can be given again")] = None,
    cause: QueryId = None,
    district: QueryId = None,
    device: QueryId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WorkOrderView]:
    """List the work orders of the caller's districts, the latest first."""
    allowed = principal.within(Permission.READ_WORK_ORDERS, district)
    query = select(WorkOrder).order_by(col(WorkOrder.opened_at).desc(), col(WorkOrder.id).desc()).limit(limit + 1)
    if allowed is not None:
        query = query.where(col(WorkOrder.district_id).in_(allowed))
    if state:
        query = query.where(col(WorkOrder.state).in_(state))
    if cause is not None:
        query = query.where(WorkOrder.cause == cause)
    if device is not None:
        query = query.where(WorkOrder.device_id == device)
    after = start_after(cursor, datetime, int)
    if after is not None:
        query = query.where(beyond((col(WorkOrder.opened_at), col(WorkOrder.id)), after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
        names = read_names(session, language, points=(row.point_id for row in rows if row.point_id))
    page, next_cursor = cut(rows, limit, lambda row: (row.opened_at, row.id or 0))
    return Page(items=[_view(row, names) for row in page], next_cursor=next_cursor)


@router.get(
    "/work-orders/{order_id}",
    responses=with_etag(200) | refusals("unauthenticated", "forbidden", "not-found", "invalid-request"),
)
def read_work_order(
    context: Here, principal: Reader, language: InLanguage, response: Response, order_id: OrderNumber
) -> WorkOrderView:
    """Read a work order with its evidence. Who takes or ends it names its ETag in `If-Match`."""
    with reading(context.engine) as session:
        order = _find(session, principal, Permission.READ_WORK_ORDERS, order_id)
        return _shown(session, order, language, response)


@router.post(
    "/work-orders/{order_id}",
    responses=with_etag(200)
    | refusals(
        "malformed", "unauthenticated", "forbidden", "not-found", "wrong-state", "changed-since-read",
        "invalid-request", "reason-missing", "read-first",
    ),
)  # fmt: skip
def step_work_order(
    *,
    context: Here,
    principal: Handler,
    language: InLanguage,
    response: Response,
    order_id: OrderNumber,
    body: Step,
    if_match: IfMatch = None,
) -> WorkOrderView:
    """Take an order or give it to somebody, end it as done, or cancel it. Repeating it gets the same answer."""
    with reading(context.engine) as session:
        found = _find(session, principal, Permission.HANDLE_WORK_ORDERS, order_id)
    to = WorkOrderState(body.state)
    order = work_orders.step(
        context.engine,
        context.clock,
        order_id=order_id,
        version=seen_version(if_match, found.version),
        to=to,
        actor=principal.actor,
        assigned_to=(body.assigned_to or principal.actor) if to is WorkOrderState.ASSIGNED else None,
        note=body.note,
    )
    with reading(context.engine) as session:
        return _shown(session, order, language, response)


def _find(session: Session, principal: Principal, permission: Permission, order_id: int) -> WorkOrder:
    """Read an order about which somebody may do something; ``not-found`` for a foreign one as for none."""
    order = session.get(WorkOrder, order_id)
    if order is None:
        raise Refusal("not-found")
    principal.require(permission, order.district_id)
    return order


def _shown(session: Session, order: WorkOrder, language: InLanguage, response: Response) -> WorkOrderView:
    names = read_names(session, language, points=[order.point_id] if order.point_id else [])
    response.headers["ETag"] = f'"{order.version}.{order.state}.{language}"'
    return _view(order, names)


def _view(order: WorkOrder, names: Names) -> WorkOrderView:
    place = names.points.get(order.point_id or "")
    return WorkOrderView(
        **order.model_dump(include=set(WorkOrderView.model_fields)),
        object=order.subject,
        point=place.name if place else None,
        text=order_text(order, names.language),
    )
