"""Intake: what devices, trucks and other systems deliver. Nothing is acknowledged that is not stored."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import ID_RULES, InLanguage
from api.problems import Refusal, refusals
from city.wording import Language, say
from sensors.decoders import formats, tables
from sensors.delivery import Receipt
from sensors.intake import receive

router = APIRouter(tags=["telemetry"])

# Tables are files, for `dustcart sensors replay`; everything else is delivered, most of it JSON.
DELIVERED = tuple(name for name in formats() if name not in tables())
_EXAMPLES = {
    "one": {
        "summary": "dustcart: one reading",
        "value": {"device": "24e124713d341234", "at": "2026-03-01T06:30:00+08:00", "distance_cm": 63.5},
    },
    "many": {
        "summary": "dustcart: several readings",
        "value": [
            {"device": "24e124713d341234", "at": "2026-03-01T06:30:00+08:00", "distance_cm": 63.5, "sequence": 1207},
            {"device": "meter-7", "at": "2026-03-01T06:31:00+08:00", "fill_level": 0.4, "battery_percent": 92},
        ],
    },
    "lifts": {
        "summary": "lifts: bins emptied into a truck",
        "value": [{"truck": "hp-12", "at": "2026-03-01T06:30:00+08:00", "tag": "E280116060000002", "net_kg": 45.5}],
    },
    "observations": {
        "summary": "observations: what somebody saw",
        "value": {"observer": "wang.li", "at": "2026-03-01T06:30:00+08:00", "bin": "hp-104-dry", "seen": "3/4"},
    },
    "positions": {
        "summary": "positions: where a truck was",
        "value": {"truck": "hp-12", "at": "2026-03-01T06:30:00+08:00", "lon": 121.4737, "lat": 31.2304},
    },
}


class RejectedView(BaseModel):
    """A reading that cannot be used. It is kept, whole, with its reason."""

    index: int | None = Field(description="its place in the message, from 0; none: the message as a whole")
    device_id: str | None
    code: str = Field(examples=["unknown_device"])
    message: str = Field(description="what is wrong, in the caller's language")
    detail: str = Field(description="the same in English, with the values")


class ReceiptView(BaseModel):
    """What became of a message."""

    stored: int = Field(description="readings stored now")
    duplicates: int = Field(description="readings that were stored before; delivering again is safe")
    rejected: list[RejectedView]


async def body_of(request: Request) -> bytes:
    """Return the body as it came: decoders read bytes."""
    return await request.body()


@router.post(
    "/intake/{format}",
    responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request", "nothing-usable")
    | {207: {"model": ReceiptView, "description": "Some readings were stored, some cannot be used"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A message in the format of the address: Dustcart's own reading, lift, observation or"
            " position, or a list of them; or what another system's HTTP integration sends.",
            "content": {"application/json": {"schema": {}, "examples": _EXAMPLES}},
        }
    },
)
def deliver(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.DELIVER_READINGS)],
    language: InLanguage,
    response: Response,
    format_name: Annotated[str, Path(alias="format", **ID_RULES, description=f"one of {', '.join(DELIVERED)}")],
    body: Annotated[bytes, Depends(body_of)],
) -> ReceiptView:
    """Deliver readings, lifts, observations and positions of trucks. The answer comes after they are stored.

    - **200**: every reading is stored, now or before. A message without readings (a join, say) is also fine.
    - **207**: some are stored, the rest cannot be used; `rejected` says which and why. They are kept too.
    - **422**: none can be used. Sending the same again does not help.
    - **503**: could not be stored; send again.

    It takes a role for every district: a message may name any device, and who delivers is believed for all of them.
    """
    principal.require_everywhere(Permission.DELIVER_READINGS)
    if format_name not in DELIVERED:
        raise Refusal("not-found")
    receipt = receive(context.engine, context.clock, format=format_name, body=body)
    rejected = rejected_views(receipt, language)
    if rejected and not receipt.stored and not receipt.duplicates:
        raise Refusal(
            "nothing-usable", members={"rejected": [one.model_dump() for one in rejected]}, count=len(rejected)
        )
    if rejected:
        response.status_code = 207
    return ReceiptView(stored=receipt.stored, duplicates=receipt.duplicates, rejected=rejected)


def rejected_views(receipt: Receipt, language: Language) -> list[RejectedView]:
    """Say what was refused, and why, in the caller's language."""
    return [
        RejectedView(
            index=one.index,
            device_id=one.device_id,
            code=one.code,
            message=say("sensors", f"rejection.{one.code}", language),
            detail=one.message,
        )
        for one in receipt.rejected
    ]
