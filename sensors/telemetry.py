"""The tables of what arrived: devices, their readings, and the messages nobody could use."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from city.database import moment, word


class Verdict(StrEnum):
    """What intake thinks of a reading. Only `OK` moves a bin's state."""

    OK = "ok"
    SPIKE = "spike"
    SENTINEL = "sentinel"
    TILTED = "tilted"
    OUT_OF_RANGE = "out_of_range"
    LATE = "late"
    NO_LEVEL = "no_level"


class Device(SQLModel, table=True):
    """A sensor, and the bin it looks into."""

    id: str = Field(primary_key=True, description="DevEUI in lower-case hex, or the maker's own number")
    bin_id: str | None = Field(default=None, foreign_key="bin.id", index=True)
    model: str = Field(default="", description="e.g. milesight-em400-tld")
    mounting_height_cm: int = Field(gt=0, description="from the sensor down to the bottom of the bin")
    active: bool = True


class Reading(SQLModel, table=True):
    """What a device said once: kept as it came, with the verdict on it."""

    __table_args__ = (UniqueConstraint("device_id", "frame_key"),)

    id: int | None = Field(default=None, primary_key=True)
    device_id: str = Field(foreign_key="device.id")
    bin_id: str | None = Field(default=None, foreign_key="bin.id", index=True)
    frame_key: str = Field(description="tells the same frame, delivered twice, from two frames")
    at: datetime = Field(sa_column=moment(index=True))
    received_at: datetime = Field(sa_column=moment())
    distance_cm: float | None = None
    fill_level: float | None = Field(default=None, description="0..1 of the usable volume, as this reading alone says")
    temperature_c: float | None = None
    battery_percent: float | None = None
    tilted: bool | None = None
    verdict: Verdict = Field(sa_column=word(Verdict))
    verdict_reason: str = ""
    raw: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class DeadLetter(SQLModel, table=True):
    """A message that could not be used, whole, with the reason; it can be replayed after a repair."""

    __tablename__ = "dead_letter"

    id: int | None = Field(default=None, primary_key=True)
    received_at: datetime = Field(sa_column=moment(index=True))
    format: str
    code: str = Field(index=True)
    reason: str
    device_id: str | None = None
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
