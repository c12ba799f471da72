"""Calibrations in the database: what each sensor reads when its bin is empty, and the emptyings it was learnt from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column
from sqlmodel import Field, Session, SQLModel, col, select

from city.database import moment
from city.wording import Language, say
from sensors.bulk import insert_or_update
from sensors.calibration import KEPT, Empty, calibrate, empties
from sensors.emptyings import Emptying
from sensors.telemetry import Device


class CalibrationRecord(SQLModel, table=True):
    """What a sensor reads when its bin is empty, as learnt from emptyings; void once it is mounted otherwise."""

    __tablename__ = "calibration"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    bin_id: str = Field(foreign_key="bin.id", description="where it was learnt")
    mounting_height_cm: int = Field(description="what was registered then")
    empty_cm: float | None = Field(default=None, description="none: what was registered stands")
    before_cm: float | None = Field(default=None, description="what was used for readings before `since`")
    since: datetime = Field(sa_column=moment(), description="readings from then on are measured by it")
    drifted: bool = Field(default=False, description="it reads so far off that its levels cannot be believed")
    empties: list[Any] = Field(sa_column=Column(JSON, nullable=False), description="pairs of moment and centimetres")


def list_calibrations(session: Session) -> list[CalibrationRecord]:
    """Return what was learnt of sensors whose empty bins read otherwise than registered."""
    query = select(CalibrationRecord).where(
        sa.or_(col(CalibrationRecord.empty_cm).is_not(None), col(CalibrationRecord.drifted))
    )
    return list(session.exec(query.order_by(col(CalibrationRecord.device_id))))


def calibration_of(session: Session, device: Device) -> CalibrationRecord | None:
    """Return what was learnt of a sensor where it sits now, if that differs from what was registered."""
    known = session.get(CalibrationRecord, device.id)
    if known is None or (known.bin_id, known.mounting_height_cm) != (device.bin_id, device.mounting_height_cm):
        return None
    return known if known.drifted or known.empty_cm is not None else None


def calibration_text(one: CalibrationRecord, language: Language) -> str:
    """Say what was learnt of a sensor."""
    code, read_cm = "learnt", one.empty_cm
    if one.drifted or read_cm is None:
        code, read_cm = "drifted", max(distance_cm for _, distance_cm in one.empties)
    numbers = {"empty_cm": read_cm, "mounting_height_cm": one.mounting_height_cm, "emptyings": len(one.empties)}
    return say("sensors", f"calibration.{code}", language, **numbers)


def learn(
    session: Session,
    bin_id: str,
    depth_cm: float,
    found: Sequence[Emptying],
    said: Sequence[tuple[str, datetime, float | None]],
    false: Sequence[bool],
    *,
    anew_from: datetime,
    now: datetime,
) -> None:
    """Learn what a bin's sensors read when it is empty.

    Parameters
    ----------
    depth_cm
        Of the bin.
    found
        Its emptyings.
    said, false
        What its sensors said, by device, moment and distance, ascending; and whether each is taken to be false.
    anew_from
        What was learnt of emptyings from then on is forgotten first.
    now
        A calibration that changes holds for readings from then on, so that a level is not changed once it was told.
    """
    late = [one for one in found if one.at >= anew_from]
    if not late:
        return
    for device in session.exec(select(Device).where(Device.bin_id == bin_id).order_by(col(Device.id))):
        own = [
            (at, distance_cm, wrong)
            for (device_id, at, distance_cm), wrong in zip(said, false, strict=True)
            if device_id == device.id and distance_cm is not None
        ]
        new = empties(late, [(at, cm) for at, cm, _ in own], [wrong for _, _, wrong in own])
        known = session.get(CalibrationRecord, device.id)
        if known is not None and (known.bin_id, known.mounting_height_cm) != (bin_id, device.mounting_height_cm):
            known = None
        kept = [] if known is None else [Empty(datetime.fromisoformat(at), cm) for at, cm in known.empties]
        seen = [*(one for one in kept if one.at < anew_from), *new][-KEPT:]
        if seen != kept:
            _keep(session, device, bin_id, depth_cm, known, seen, now)


def _keep(
    session: Session,
    device: Device,
    bin_id: str,
    depth_cm: float,
    known: CalibrationRecord | None,
    seen: Sequence[Empty],
    now: datetime,
) -> None:
    used_cm = None if known is None else known.empty_cm
    height_cm = device.mounting_height_cm
    made = calibrate(seen, mounting_height_cm=height_cm, depth_cm=depth_cm, used_cm=used_cm)
    changed = known is None or (made.empty_cm, made.drifted) != (known.empty_cm, known.drifted)
    row = {
        "device_id": device.id,
        "bin_id": bin_id,
        "mounting_height_cm": height_cm,
        "empty_cm": made.empty_cm,
        "before_cm": used_cm if changed or known is None else known.before_cm,
        "since": now if changed or known is None else known.since,
        "drifted": made.drifted,
        "empties": [[one.at.isoformat(), one.distance_cm] for one in seen],
    }
    insert_or_update(session, CalibrationRecord, [row], update=[name for name in row if name != "device_id"])
    if known is not None:
        session.expire(known)
