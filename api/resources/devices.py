"""Devices: which sensor looks into which bin, from how high."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from api.access import Permission, Principal, needs
from api.conditions import IfMatch, named_tags, with_etag
from api.context import Here
from api.fields import Body, Id, InLanguage, PathId
from api.paging import invalid
from api.problems import Refusal, refusals
from city.database import reading, transaction
from city.registry import Bin, CollectionPoint
from sensors.calibrations import calibration_of, calibration_text
from sensors.devices import HIGHEST_MOUNTING_CM, Mounting, device_of, keep_device
from sensors.errors import IntakeError
from sensors.telemetry import Device
from sensors.uplink import normal_device_id

router = APIRouter(tags=["telemetry"])
Keeper = Annotated[Principal, needs(Permission.SET_UP_DEVICES)]


class Mounted(Body):
    """Where a sensor sits."""

    bin_id: Id | None = Field(default=None, description="the bin it looks into; none: in store")
    model: Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9._-]*$")] = Field(
        default="",
        description="its codec; empty: the message's port or envelope tells",
        examples=["milesight-em400-tld"],
    )
    mounting_height_cm: int = Field(gt=0, le=HIGHEST_MOUNTING_CM, description="down to the bottom", examples=[150])
    active: bool = Field(default=True, description="false: its messages are refused")


class DeviceView(BaseModel):
    """A device."""

    id: str = Field(description="DevEUI in lower-case hex, or the maker's number", examples=["24e124713d341234"])
    bin_id: str | None
    model: str
    mounting_height_cm: int
    active: bool
    calibration: str | None = Field(
        default=None,
        description="what it reads when its bin is empty, where emptyings told otherwise than was registered",
        examples=["Empty reads 143 cm, registered 150 cm; learnt from 5 emptyings."],
    )


@router.get(
    "/devices/{device_id}",
    responses=with_etag(200) | refusals("unauthenticated", "forbidden", "not-found", "invalid-request"),
)
def read_device(
    context: Here, principal: Keeper, language: InLanguage, response: Response, device_id: PathId
) -> DeviceView:
    """Read where a device sits, and what was learnt of it. An EUI may be written in any way."""
    with reading(context.engine) as session:
        device = find_device(session, principal, Permission.SET_UP_DEVICES, named_device(device_id))
        learnt = None if device is None else calibration_of(session, device)
    if device is None:
        raise Refusal("not-found")
    view = _shown(device, response)
    view.calibration = None if learnt is None else calibration_text(learnt, language)
    return view


@router.put(
    "/devices/{device_id}",
    responses=with_etag(200)
    | {201: {"model": DeviceView, "description": "It is registered now", **with_etag(201)[201]}}
    | refusals(
        "malformed",
        "unauthenticated",
        "forbidden",
        "not-found",
        "conflict",
        "changed-since-read",
        "invalid-request",
        "read-first",
    ),
)
def put_device(
    *,
    context: Here,
    principal: Keeper,
    response: Response,
    device_id: PathId,
    body: Mounted,
    if_match: IfMatch = None,
) -> DeviceView:
    """Register a device, or (with `If-Match`) move or change a registered one.

    From then on its readings move the state of the bin it looks into. Messages that were refused because the device
    was unknown are kept and can be taken in again (`dustcart sensors retry`).
    """
    name = named_device(device_id)
    with _alone(), transaction(context.engine) as session:
        before = find_device(session, principal, Permission.SET_UP_DEVICES, name, lock=True)
        _check_seen(before, if_match)
        district_id = _district_of(session, principal, body.bin_id)
        after = _asked(name, body)
        now = context.clock.now()
        keep_device(session, after, before, district_id=district_id, at=now, actor=principal.actor)
    response.status_code = 200 if before else 201
    return _shown(after, response)


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse who registers a device that somebody else registers at the same moment."""
    try:
        yield
    except IntegrityError as error:
        raise Refusal("conflict") from error


def named_device(device_id: str) -> str:
    """Read the name of a device in a path; ``invalid-request`` if it is none."""
    try:
        return normal_device_id(device_id)
    except IntakeError as error:
        raise invalid("path", "device_id", error.code, str(error)) from error


def _asked(name: str, body: Mounted) -> Device:
    mounting = Mounting(name, body.bin_id, body.model, body.mounting_height_cm, body.active)
    try:
        return device_of(mounting, known_bins=(body.bin_id,))
    except IntakeError as error:
        raise invalid("body", "/model", error.code, str(error)) from error


def find_device(
    session: Session, principal: Principal, permission: Permission, name: str, *, lock: bool = False
) -> Device | None:
    """Read a device about which somebody may do something; one in store belongs to the whole city."""
    device = session.get(Device, name, with_for_update=lock)
    if device is None:
        return None
    principal.require(permission, _district_of_bin(session, device.bin_id))
    return Device(**device.model_dump())


def _check_seen(device: Device | None, if_match: str | None) -> None:
    if device is None and if_match is None:
        return
    tags = named_tags(if_match)
    if device is None or _tag(device) not in tags:
        raise Refusal("changed-since-read")


def _district_of(session: Session, principal: Principal, bin_id: str | None) -> str | None:
    """Return the district of the bin that a device is to look into, if the caller may put one there."""
    district = _district_of_bin(session, bin_id)
    allowed = principal.districts(Permission.SET_UP_DEVICES)
    if (bin_id is not None and district is None) or (allowed is not None and district not in allowed):
        raise invalid("body", "/bin_id", "unknown_bin", "There is no such bin in one of your districts")
    return district


def _district_of_bin(session: Session, bin_id: str | None) -> str | None:
    found = session.get(Bin, bin_id) if bin_id is not None else None
    return session.get_one(CollectionPoint, found.point_id).district_id if found else None


def _shown(device: Device, response: Response) -> DeviceView:
    response.headers["ETag"] = f'"{_tag(device)}"'
    return DeviceView.model_validate(device, from_attributes=True)


def _tag(device: Device) -> str:
    return hashlib.sha256(device.model_dump_json().encode()).hexdigest()[:16]
