"""Dispatches: approved routes in the hands of a crew."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from city.database import moment, word
from city.streams import Stream


class DispatchState(StrEnum):
    """Where a dispatch stands."""

    PUBLISHED = "published"
    STARTED = "started"
    FINISHED = "finished"


class Dispatch(SQLModel, table=True):
    """One truck's approved route. A proposal gives a truck at most one, whatever is retried."""

    __table_args__ = (UniqueConstraint("proposal_id", "truck_id"),)

    id: str = Field(primary_key=True)
    proposal_id: str = Field(foreign_key="proposal.id", index=True)
    proposal_version: int
    district_id: str = Field(foreign_key="district.id", index=True)
    service_date: date = Field(index=True)
    shift_id: str = Field(foreign_key="shift.id")
    truck_id: str = Field(foreign_key="truck.id")
    crew_id: str | None = Field(default=None, foreign_key="crew.id")
    state: DispatchState = Field(sa_column=word(DispatchState))
    published_at: datetime = Field(sa_column=moment())
    leaves_at: datetime = Field(sa_column=moment())
    returns_at: datetime = Field(sa_column=moment())
    distance_m: int
    duration_s: int


class DispatchVisit(SQLModel, table=True):
    """One visit of a dispatch, in order: a stop or an unloading."""

    __tablename__ = "dispatch_visit"

    dispatch_id: str = Field(primary_key=True, foreign_key="dispatch.id")
    sequence: int = Field(primary_key=True)
    kind: str = Field(description="start, stop, unload or end")
    stop_id: str | None = None
    point_id: str | None = Field(default=None, foreign_key="collection_point.id")
    stream: Stream | None = Field(default=None, sa_column=word(Stream, nullable=True))
    facility_id: str | None = Field(default=None, foreign_key="facility.id")
    arrives_at: datetime = Field(sa_column=moment())
    departs_at: datetime = Field(sa_column=moment())
    load_kg: int
    load_l: int
