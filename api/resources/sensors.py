"""Sensors as a whole: how each does, and which earn their keep."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage, PathId, QueryId
from api.paging import Limit
from api.problems import Refusal, refusals
from api.resources.devices import find_device, named_device
from city.database import reading
from sensors.device_days import DeviceHealth
from sensors.ranking import Terms, rank
from sensors.telling import reason_text

router = APIRouter(tags=["telemetry"])

STANDARD = Terms()

Reader = Annotated[Principal, needs(Permission.READ_ALARMS)]


class ReasonView(BaseModel):
    """One thing that costs a device part of its use."""

    fault: str = Field(examples=["battery"])
    lost: float = Field(description="share of its use, 0..1")
    numbers: dict[str, float]
    text: str = Field(description="the same in the caller's language, as a repair")


class HealthView(BaseModel):
    """How a device does: a score that is nothing but its reasons."""

    device_id: str
    as_of: date | None = Field(description="the day it was judged on; none: not yet")
    score: float | None = Field(description="1: all is well, 0: of no use")
    reasons: list[ReasonView] = Field(description="the worst first")
    battery: dict[str, Any] | None = Field(description="where the battery is going; none: it does not tell")


class RankedView(BaseModel):
    """What a sensor is worth."""

    bin_id: str
    device_id: str | None = Field(description="none: it has none, and the numbers are of one that would be put there")
    district_id: str
    visits_saved: float = Field(description="a year, at the same risk of overflow")
    narrowing: float = Field(description="share of the doubt about the level that it removes")
    useful: float = Field(description="share of its time in which it is of use")
    value: float = Field(description="a year, less its cost, in the city's currency")


@router.get(
    "/devices/{device_id}/health", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request")
)
def read_device_health(context: Here, principal: Reader, language: InLanguage, device_id: PathId) -> HealthView:
    """Read how a device does, with the reasons and where its battery is going. It is judged once a day."""
    name = named_device(device_id)
    with reading(context.engine) as session:
        if find_device(session, principal, Permission.READ_ALARMS, name) is None:
            raise Refusal("not-found")
        health = session.get(DeviceHealth, name)
    if health is None:
        return HealthView(device_id=name, as_of=None, score=None, reasons=[], battery=None)
    reasons = [ReasonView(**reason, text=reason_text(reason, language)) for reason in health.reasons]
    return HealthView(device_id=name, as_of=health.as_of, score=health.score, reasons=reasons, battery=health.battery)


@router.get("/sensor-ranking", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def rank_sensors(
    *,
    context: Here,
    principal: Reader,
    district: QueryId = None,
    without: Annotated[bool, Query(description="bins without a sensor instead of those with one")] = False,
    worst: Annotated[bool, Query(description="those worth least first")] = False,
    visit_cost: Annotated[float, Query(ge=0, le=1e6, description="of one more stop")] = STANDARD.visit_cost,
    sensor_cost: Annotated[float, Query(ge=0, le=1e6, description="of one sensor a year")] = STANDARD.sensor_cost,
    risk: Annotated[float, Query(ge=0.001, le=0.5, description="accepted risk of overflow")] = STANDARD.risk,
    chance_h: Annotated[
        float, Query(ge=1, le=672, description="hours between two chances to visit")
    ] = STANDARD.chance_h,
    limit: Limit = 50,
) -> list[RankedView]:
    """Rank the sensors of the caller's districts by what they save, or bins without one by what one would."""
    allowed = principal.within(Permission.READ_ALARMS, district)
    terms = Terms(visit_cost, sensor_cost, risk, chance_h)
    with reading(context.engine) as session:
        ranked = rank(session, terms, district_ids=None if allowed is None else sorted(allowed))
    chosen = [one for one in (reversed(ranked) if worst else ranked) if (one.device_id is None) == without][:limit]
    return [RankedView.model_validate(one, from_attributes=True) for one in chosen]
