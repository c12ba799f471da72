"""Service records: proof that a stop was done, or could not be, and why."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from city.database import moment, word
from city.streams import Stream


class ServiceOutcome(StrEnum):
    """How a visit ended."""

    DONE = "done"
    COULD_NOT = "could_not"


class CouldNotReason(StrEnum):
    """Why a stop could not be served."""

    BLOCKED = "blocked"
    NOT_OUT = "not_out"
    CONTAMINATED = "contaminated"
    DAMAGED = "damaged"
    NO_ACCESS = "no_access"
    TRUCK_FULL = "truck_full"
    OTHER = "other"


class ServiceRecord(SQLModel, table=True):
    """One visit to one stream at one collection point."""

    __tablename__ = "service_record"
    __table_args__ = (UniqueConstraint("dispatch_id", "stop_id"),)

    id: int | None = Field(default=None, primary_key=True)
    point_id: str = Field(foreign_key="collection_point.id", index=True)
    stream: Stream = Field(sa_column=word(Stream))
    dispatch_id: str | None = Field(default=None, index=True, description="none: recorded outside any dispatch")
    stop_id: str | None = Field(default=None, description="the stop of the dispatch")
    at: datetime = Field(sa_column=moment(index=True))
    outcome: ServiceOutcome = Field(sa_column=word(ServiceOutcome))
    reason: CouldNotReason | None = Field(default=None, sa_column=word(CouldNotReason, nullable=True))
    note: str = ""
    weight_kg: float | None = Field(default=None, ge=0)
    bin_count: int | None = Field(default=None, ge=0)
    actor: str
