"""Devices: which sensor looks into which bin, from how high; registered one by one or from a table."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from city.database import transaction
from city.registry import Bin
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


def register_devices(engine: Engine, mountings: Iterable[Mounting]) -> tuple[NotRegistered, ...]:
    """Register sensors, or move and change registered ones. Good ones are kept, the others reported.

    Returns
    -------
    tuple of NotRegistered
        What was refused: a bin that is not in the registry, a name that is none, an impossible height.
    """
    wanted = list(mountings)
    refused: list[NotRegistered] = []
    with transaction(engine) as session:
        known_bins = set(session.exec(select(Bin.id)))
        known = {device.id: device for device in session.exec(select(Device))}
        for mounting in wanted:
            try:
                device = _device(mounting, known_bins)
            except IntakeError as error:
                refused.append(NotRegistered(mounting, error.code, str(error)))
            else:
                # Merging looks an unknown one up, each by itself.
                session.merge(device) if device.id in known else session.add(device)
                known.setdefault(device.id, device)
    return tuple(refused)


def _device(mounting: Mounting, known_bins: set[str]) -> Device:
    if mounting.bin_id is not None and mounting.bin_id not in known_bins:
        raise IntakeError(
            "unknown_bin",
            f"device {mounting.device_id} looks into bin {mounting.bin_id}, which is not in the registry;"
            " import the bin first",
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
