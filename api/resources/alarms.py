"""Alarms: what is wrong right now, with its evidence; who is on it, and closing one by hand."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from api.access import Permission, Principal, needs
from api.conditions import IfMatch, seen_version, with_etag
from api.context import Context, Here
from api.fields import Body, InLanguage, QueryId, Text
from api.paging import Cursor, Limit, Page, beyond, cut, start_after
from api.problems import Refusal, refusals
from api.views.names import Names, read_names
from city.database import reading
from city.wording import Language
from sensors import alarms
from sensors.alarms import Alarm, AlarmKind, AlarmState, Severity
from sensors.telling import alarm_text, closing_text

router = APIRouter(tags=["alarms"])

Reader = Annotated[Principal, needs(Permission.READ_ALARMS)]
Handler = Annotated[Principal, needs(Permission.HANDLE_ALARMS)]
AlarmNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]

_ANSWERS = with_etag(200) | refusals(
    "malformed", "unauthenticated", "forbidden", "not-found", "wrong-state", "changed-since-read", "invalid-request",
    "read-first",
)  # fmt: skip


class PlaceView(BaseModel):
    """Where to go."""

    point_id: str
    name: str
    lon: float
    lat: float


class AlarmView(BaseModel):
    """Something that is, or was, wrong with one object."""

    id: int
    kind: AlarmKind
    severity: Severity
    state: AlarmState
    object: str = Field(description="what is wrong, kind/id", examples=["bin/pt-0042-dry"])
    district_id: str | None = Field(description="none: of more than one district, or of none")
    place: PlaceView | None
    bin_id: str | None
    device_id: str | None
    text: str = Field(description="what is wrong, in the caller's language", examples=["Fire: 91 °C, ..."])
    began_at: datetime = Field(description="by the devices' time")
    raised_at: datetime
    evidence: dict[str, Any] = Field(description="readings and values that show it")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None
    closed_by: str | None = Field(description="`sensors`: its cause was gone")
    closed_because: str | None = Field(description="in the words of who closed it, or why by itself")


class Closing(Body):
    """Why it is closed."""

    reason: Text = Field(examples=["A barbecue beside the bin; extinguished"])


@router.get("/alarms", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def list_alarms(
    *,
    context: Here,
    principal: Reader,
    language: InLanguage,
    state: Annotated[list[AlarmState] | None, Query(description="only these states; can be given again")] = None,
    kind: Annotated[list[AlarmKind] | None, Query(description="only these kinds; can be given again")] = None,
    severity: Annotated[list[Severity] | None, Query(description="only these; can be given again")] = None,
    district: QueryId = None,
    bin: QueryId = None,  # noqa: A002 - the word of the interface
    device: QueryId = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AlarmView]:
    """List the alarms of the caller's districts, the latest first."""
    allowed = principal.within(Permission.READ_ALARMS, district)
    query = select(Alarm).order_by(col(Alarm.raised_at).desc(), col(Alarm.id).desc()).limit(limit + 1)
    if allowed is not None:
        query = query.where(col(Alarm.district_id).in_(allowed))
    if state:
        query = query.where(alarms.in_states(state))
    if kind:
        query = query.where(col(Alarm.kind).in_(kind))
    if severity:
        query = query.where(col(Alarm.severity).in_(severity))
    if bin is not None:
        query = query.where(Alarm.bin_id == bin)
    if device is not None:
        query = query.where(Alarm.device_id == device)
    after = start_after(cursor, datetime, int)
    if after is not None:
        query = query.where(beyond((col(Alarm.raised_at), col(Alarm.id)), after, descending=True))
    with reading(context.engine) as session:
        rows = session.exec(query).all()
        names = read_names(session, language, points=(row.point_id for row in rows if row.point_id))
    page, next_cursor = cut(rows, limit, lambda row: (row.raised_at, row.id or 0))
    return Page(items=[_view(row, names) for row in page], next_cursor=next_cursor)


@router.get(
    "/alarms/{alarm_id}",
    responses=with_etag(200) | refusals("unauthenticated", "forbidden", "not-found", "invalid-request"),
)
def read_alarm(
    context: Here, principal: Reader, language: InLanguage, response: Response, alarm_id: AlarmNumber
) -> AlarmView:
    """Read an alarm with its evidence. Who acknowledges or closes it names its ETag in `If-Match`."""
    with reading(context.engine) as session:
        alarm = _find(session, principal, Permission.READ_ALARMS, alarm_id)
    return _shown(context, alarm, language, response)


@router.post("/alarms/{alarm_id}/acknowledge", responses=_ANSWERS)
def acknowledge_alarm(
    *,
    context: Here,
    principal: Handler,
    language: InLanguage,
    response: Response,
    alarm_id: AlarmNumber,
    if_match: IfMatch = None,
) -> AlarmView:
    """Say that one is on it. Of many at once one counts; the same person repeating it gets the same answer."""
    version = _seen(context, principal, alarm_id, if_match)
    alarm = alarms.acknowledge(context.engine, context.clock, alarm_id=alarm_id, version=version, actor=principal.actor)
    return _shown(context, alarm, language, response)


@router.post("/alarms/{alarm_id}/close", responses=_ANSWERS | refusals("reason-missing", "invalid-request"))
def close_alarm(
    *,
    context: Here,
    principal: Handler,
    language: InLanguage,
    response: Response,
    alarm_id: AlarmNumber,
    body: Closing,
    if_match: IfMatch = None,
) -> AlarmView:
    """Close an alarm by hand, with the reason. While its cause goes on it is quiet for a week, a fire for an hour."""
    version = _seen(context, principal, alarm_id, if_match)
    alarm = alarms.close(
        context.engine,
        context.clock,
        alarm_id=alarm_id,
        version=version,
        actor=principal.actor,
        reason=body.reason,
    )
    return _shown(context, alarm, language, response)


def _find(session: Session, principal: Principal, permission: Permission, alarm_id: int) -> Alarm:
    """Read an alarm about which somebody may do something; ``not-found`` for a foreign one as for none."""
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        raise Refusal("not-found")
    principal.require(permission, alarm.district_id)
    return alarm


def _seen(context: Context, principal: Principal, alarm_id: int, if_match: str | None) -> int:
    with reading(context.engine) as session:
        alarm = _find(session, principal, Permission.HANDLE_ALARMS, alarm_id)
    return seen_version(if_match, alarm.version)


def _shown(context: Context, alarm: Alarm, language: Language, response: Response) -> AlarmView:
    with reading(context.engine) as session:
        names = read_names(session, language, points=[alarm.point_id] if alarm.point_id else [])
    response.headers["ETag"] = f'"{alarm.version}.{alarm.state}.{language}"'
    return _view(alarm, names)


def _view(alarm: Alarm, names: Names) -> AlarmView:
    place = names.points.get(alarm.point_id or "")
    return AlarmView(
        **alarm.model_dump(include=set(AlarmView.model_fields)),
        state=alarm.state,
        object=alarm.subject,
        place=PlaceView(point_id=alarm.point_id or "", **place._asdict()) if place else None,
        text=alarm_text(alarm, names.language),
        closed_because=closing_text(alarm, names.language),
    )
