"""Intake: devices, gateways and network servers deliver messages; what is counted as stored is durable."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import ID_RULES, InLanguage
from api.problems import Refusal, refusals
from city.wording import say
from sensors.decoders import formats
from sensors.intake import receive

router = APIRouter(tags=["telemetry"])

Format = Annotated[str, Path(**ID_RULES, description=f"how the message is written: {', '.join(formats())}")]


class RejectionView(BaseModel):
    """Something that was not stored, and why. It is kept and can be replayed after a repair."""

    code: str = Field(examples=["unknown_device"])
    message: str = Field(description="why, in the caller's language")
    detail: str = Field(description="the same in English, with the values")
    device: str | None
    index: int | None = Field(description="place in the message; none: the whole message")


class ReceiptView(BaseModel):
    """What became of a message."""

    stored: int = Field(description="readings that are durable now", examples=[1])
    duplicates: int = Field(description="readings that were known already", examples=[0])
    rejected: list[RejectionView]


async def raw_body(request: Request) -> bytes:
    """Read the message as it came; its format decides what it means."""
    return await request.body()


@router.post(
    "/intake/{format}",
    responses=refusals("unauthenticated", "forbidden", "not-found", "body-too-large", "invalid-request"),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {},
                    "example": {"device": "24e124713d000001", "at": "2026-03-03T07:15:00+08:00", "distance_cm": 61.5},
                }
            },
        }
    },
)
def deliver(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.DELIVER_READINGS)],  # noqa: ARG001 - being let in is all
    language: InLanguage,
    format: Format,  # noqa: A002 - the word of the address
    body: Annotated[bytes, Depends(raw_body)],
) -> ReceiptView:
    """Deliver one message. Delivering it again is safe: its readings count as duplicates and nothing changes.

    The answer is 200 even if something in it cannot be used: that is named here, kept, and would not get better by
    sending it again.
    """
    if format not in formats():
        raise Refusal("not-found")
    receipt = receive(context.engine, context.clock, format=format, body=body)
    return ReceiptView(
        stored=receipt.stored,
        duplicates=receipt.duplicates,
        rejected=[
            RejectionView(
                code=rejection.code,
                message=say("sensors", f"rejection.{rejection.code}", language),
                detail=rejection.message,
                device=rejection.device_id,
                index=rejection.index,
            )
            for rejection in receipt.rejected
        ],
    )
