"""Devices: which sensor looks into which bin, from how high; registered one by one or from a table."""

import csv
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from city.database import transaction
from city.journal import record
from city.registry import Bin, CollectionPoint
from sensors import payloads
from sensors.errors import IntakeError
from sensors.telemetry import Device
from sensors.uplink import normal_device_id

COLUMNS = ("device", "bin", "model", "mounting_height_cm")
# No bin is deep enough to need a sensor higher than this above its bottom.
HIGHEST_MOUNTING_CM = 1_000


@dataclass(frozen=True, slots=True)
class Mounting:
    """A sensor and where it sits.

    Parameters
    ----------
    device_id
        DevEUI in any spelling, or the maker's own number.
    bin_id
        The bin it looks into; none while it is in store.
    model
        A name of `sensors.payloads.models`; empty if the port or the envelope tells.
    mounting_height_cm
        From the sensor down to the bottom of the bin.
    """

    device_id: str
    bin_id: str | None
    model: str
    mounting_height_cm: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """A mounting that was refused, and why; `code` is worded as ``rejection.<code>``."""

    mounting: Mounting
    code: str
    reason: str


def register_devices(
    engine: Engine, mountings: Iterable[Mounting], *, at: datetime, actor: str
) -> tuple[NotRegistered, ...]:
    """Register sensors, or move and change registered ones. Good ones are kept, the others reported.

    Parameters
    ----------
    at, actor
        When, and who; for the journal.

    Returns
    -------
    tuple of NotRegistered
        What was refused: a bin that is not in the registry, a name that is none, a model that nothing here can read,
        an impossible height.
    """
    wanted = list(mountings)
    refused: list[NotRegistered] = []
    with transaction(engine) as session:
        districts = dict(
            session.exec(
                select(Bin.id, CollectionPoint.district_id).join(
                    CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id)
                )
            ).all()
        )
        known = {device.id: device for device in session.exec(select(Device))}
        for mounting in wanted:
            try:
                device = device_of(mounting, districts)
            except IntakeError as error:
                refused.append(NotRegistered(mounting, error.code, str(error)))
                continue
            district_id = districts.get(device.bin_id or "")
            kept = keep_device(session, device, known.get(device.id), district_id=district_id, at=at, actor=actor)
            known[device.id] = kept
    return tuple(refused)


def keep_device(
    session: Session, device: Device, known: Device | None, *, district_id: str | None, at: datetime, actor: str
) -> Device:
    """Store a device in the caller's transaction, and write in the journal what changed, if anything did.

    Parameters
    ----------
    known
        The stored device of that id, if there is one.
    district_id
        Where its bin stands; ``None``: it is in store.
    """
    before, after = known.model_dump() if known else {}, device.model_dump()
    if before == after:
        return device
    # Merging would look an unknown one up, each by itself.
    kept = session.merge(device) if known else device
    session.add(kept)
    record(
        session,
        at=at,
        actor=actor,
        action="device.changed" if known else "device.registered",
        subject=f"device/{device.id}",
        district_id=district_id,
        before=before,
        after=after,
    )
    return kept


def device_of(mounting: Mounting, known_bins: Container[str | None]) -> Device:
    """Return the device of a mounting.

    Raises
    ------
    IntakeError
        ``unknown_bin``, ``unknown_model``, ``impossible_value``, or what is wrong with the device's name.
    """
    if mounting.bin_id is not None and mounting.bin_id not in known_bins:
        raise IntakeError(
            "unknown_bin",
            f"device {mounting.device_id} looks into bin {mounting.bin_id}, which is not in the registry;"
            " import the bin first",
        )
    if mounting.model and mounting.model not in payloads.models():
        raise IntakeError(
            "unknown_model",
            f"nothing here can read the bytes of a {mounting.model}, which device {mounting.device_id} is said to be;"
            f" known are {', '.join(payloads.models())}, or none if the port or the envelope tells",
        )
    if not 0 < mounting.mounting_height_cm <= HIGHEST_MOUNTING_CM:
        raise IntakeError(
            "impossible_value",
            f"device {mounting.device_id} sits {mounting.mounting_height_cm} cm above the bottom;"
            f" possible is 1 to {HIGHEST_MOUNTING_CM}",
        )
    return Device(
        id=normal_device_id(mounting.device_id),
        bin_id=mounting.bin_id,
        model=mounting.model,
        mounting_height_cm=mounting.mounting_height_cm,
        active=mounting.active,
    )


def read_mountings(path: Path) -> Sequence[Mounting]:
    """Read a CSV file with the columns `COLUMNS`.

    Raises
    ------
    IntakeError
        If the file cannot be read, a column is missing or a height is no whole number, naming file and line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise IntakeError(
                    "wrong_shape", f"{path}: column {', '.join(missing)} is missing; needed are {', '.join(COLUMNS)}"
                )
            return [_mounting(row, f"{path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise IntakeError("unreadable", f"{path} cannot be read as a CSV file in UTF-8: {error}") from error


def _mounting(row: dict[str, str], where: str) -> Mounting:
    height = (row["mounting_height_cm"] or "").strip()
    if not height.isdecimal():
        raise IntakeError("wrong_shape", f"{where}: mounting_height_cm is {height!r}; it must be a whole number")
    return Mounting(row["device"], (row["bin"] or "").strip() or None, (row["model"] or "").strip(), int(height))
