"""The tables of what arrived: readings of devices, positions and lifts of trucks, what people saw, and dead letters."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from city.database import moment, word
from sensors.observation import Seen


class Verdict(StrEnum):
    """What is thought of a reading. Only `OK` moves a bin's state; the others say why not."""

    OK = "ok"
    SPIKE = "spike"
    STUCK = "stuck"
    FROZEN = "frozen"
    BRIDGED = "bridged"
    DRIFT = "drift"
    SENTINEL = "sentinel"
    TILTED = "tilted"
    OUT_OF_RANGE = "out_of_range"
    LATE = "late"
    NO_LEVEL = "no_level"


# Verdicts on readings that the filter hears: what comes later may turn one into another.
HEARD = (Verdict.OK, Verdict.SPIKE, Verdict.BRIDGED)


class Device(SQLModel, table=True):
    """A sensor, and the bin it looks into."""

    id: str = Field(primary_key=True, description="DevEUI in lower-case hex, or the maker's own number")
    bin_id: str | None = Field(default=None, foreign_key="bin.id", index=True)
    model: str = Field(default="", description="e.g. milesight-em400-tld")
    mounting_height_cm: int = Field(gt=0, description="from the sensor down to the bottom of the bin")
    active: bool = Field(default=True, description="false: revoked, its readings are refused")


class Reading(SQLModel, table=True):
    """What a device said once: kept as it came, with the verdict on it.

    The key begins with the event time in milliseconds, so that a device's readings lie in order in its index.
    """

    __table_args__ = (Index("ix_reading_bin_id_at", "bin_id", "at"),)

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    frame_key: str = Field(primary_key=True, description="tells the same frame, delivered twice, from two frames")
    bin_id: str | None = Field(default=None, foreign_key="bin.id")
    at: datetime = Field(sa_column=moment())
    received_at: datetime = Field(sa_column=moment(index=True))
    distance_cm: float | None = None
    fill_level: float | None = Field(default=None, description="0..1 of the usable volume, as this reading alone says")
    temperature_c: float | None = None
    battery_percent: float | None = None
    tilted: bool | None = None
    fire: bool | None = Field(default=None, description="the device itself judges that it burns; none: it never says")
    battery_low: bool | None = Field(default=None, description="the device itself judges so; none: it never says")
    platform: str | None = Field(default=None, description="the format it came in, which is its network server's")
    gateway_id: str | None = Field(default=None, description="the gateway that heard it best")
    rssi_dbm: float | None = None
    snr_db: float | None = None
    spreading_factor: int | None = None
    verdict: Verdict = Field(sa_column=word(Verdict))
    verdict_reason: str = Field(default="", description="code of the reason, worded as verdict.<reason>")
    verdict_numbers: dict[str, float] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    raw: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class PositionRecord(SQLModel, table=True):
    """Where a truck was at a moment; what comes again, or late, changes nothing."""

    __tablename__ = "truck_position"

    truck_id: str = Field(primary_key=True, foreign_key="truck.id")
    at: datetime = Field(sa_column=moment(primary_key=True))
    received_at: datetime = Field(sa_column=moment(index=True))
    lon: float = Field(description="WGS 84")
    lat: float
    fixed: bool = Field(description="false: no satellites in sight, so the place is a guess of the terminal")
    speed_kmh: float | None = None
    heading_deg: float | None = Field(default=None, description="clockwise from north")


class LiftRecord(SQLModel, table=True):
    """One bin emptied into a truck, with what it weighed.

    The key begins with the event time in milliseconds, so that a truck's lifts lie in order in its index.
    """

    __tablename__ = "lift"
    __table_args__ = (Index("ix_lift_bin_id_at", "bin_id", "at"),)

    truck_id: str = Field(primary_key=True, foreign_key="truck.id")
    lift_key: str = Field(primary_key=True, description="tells the same lift, reported twice, from two lifts")
    bin_id: str | None = Field(default=None, foreign_key="bin.id", description="none: the reader saw no tag")
    at: datetime = Field(sa_column=moment(index=True))
    received_at: datetime = Field(sa_column=moment(index=True))
    tag: str = ""
    sequence: int | None = Field(default=None, sa_type=BigInteger)
    gross_kg: float | None = None
    tare_kg: float | None = None
    net_kg: float | None = None
    weight_kg: float | None = Field(default=None, ge=0, description="what the bin held, as the weighings say")
    lon: float | None = None
    lat: float | None = None


class ObservationRecord(SQLModel, table=True):
    """How full somebody saw one bin to be; one row for each bin that was meant."""

    __tablename__ = "observation"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    at: datetime = Field(sa_column=moment(primary_key=True, index=True))
    observer: str = Field(primary_key=True, description="a person's account, a crew or a truck")
    received_at: datetime = Field(sa_column=moment(index=True))
    seen: Seen = Field(sa_column=word(Seen))
    note: str = ""


class DeadLetter(SQLModel, table=True):
    """A message that could not be used, whole, with the reason; it can be replayed after a repair.

    The same message delivered again is counted, not kept again.
    """

    __tablename__ = "dead_letter"
    __table_args__ = (UniqueConstraint("digest", "code"),)

    id: int | None = Field(default=None, primary_key=True)
    received_at: datetime = Field(sa_column=moment(index=True), description="first time")
    last_at: datetime = Field(sa_column=moment(), description="last time")
    times: int = Field(default=1, ge=1)
    format: str
    code: str = Field(index=True)
    reason: str
    device_id: str | None = None
    digest: str = Field(description="of format and body")
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
