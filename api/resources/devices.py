"""Devices: which sensor looks into which bin."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import Body, Id, PathId
from api.problems import Refusal, refusals
from city.database import reading
from city.wording import say
from sensors.devices import HIGHEST_MOUNTING_CM, Mounting, register_devices
from sensors.errors import IntakeError
from sensors.telemetry import Device
from sensors.uplink import normal_device_id

router = APIRouter(tags=["telemetry"])


class DeviceBody(Body):
    """Where a device sits."""

    bin_id: Id | None = Field(default=None, description="the bin it looks into; none while it is in store")
    model: Id | None = Field(
        default=None, description="none: the port or the envelope tells", examples=["milesight-em400-tld"]
    )
    mounting_height_cm: int = Field(
        gt=0, le=HIGHEST_MOUNTING_CM, description="from the sensor down to the bottom of the bin", examples=[120]
    )
    active: bool = Field(default=True, description="false: its readings are refused")


class DeviceView(BaseModel):
    """A registered device."""

    id: str
    bin_id: str | None
    model: str
    mounting_height_cm: int
    active: bool


@router.get("/devices/{device_id}", responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"))
def read_device(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.SET_UP_DEVICES)],  # noqa: ARG001 - being let in is all
    device_id: PathId,
) -> DeviceView:
    """Read a device. An EUI may be written with or without separators."""
    with reading(context.engine) as session:
        device = session.get(Device, _name(device_id))
    if device is None:
        raise Refusal("not-found")
    return DeviceView.model_validate(device, from_attributes=True)


@router.put(
    "/devices/{device_id}",
    responses=refusals("malformed", "unauthenticated", "forbidden", "not-found", "invalid-request", "refused"),
)
def put_device(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.SET_UP_DEVICES)],
    device_id: PathId,
    body: DeviceBody,
) -> DeviceView:
    """Register a device, or move it to another bin. Doing it again changes nothing."""
    mounting = Mounting(_name(device_id), body.bin_id, body.model or "", body.mounting_height_cm, body.active)
    refused = register_devices(context.engine, [mounting])
    if refused:
        code = f"rejection.{refused[0].code}"
        raise Refusal("refused", detail=lambda language: say("sensors", code, language))
    return read_device(context=context, principal=principal, device_id=device_id)


def _name(device_id: str) -> str:
    try:
        return normal_device_id(device_id)
    except IntakeError as error:
        raise Refusal("not-found") from error
