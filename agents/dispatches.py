"""Dispatches: approved routes in the hands of a crew."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from agents.errors import NotFoundError
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
    """One visit of a dispatch, in order: leaving the depot, a stop, an unloading, coming home."""

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


def read_dispatch(session: Session, dispatch_id: str) -> Dispatch:
    """Read a dispatch.

    Raises
    ------
    NotFoundError
        If there is none of that id.
    """
    dispatch = session.get(Dispatch, dispatch_id)
    if dispatch is None:
        raise NotFoundError("unknown_dispatch", dispatch_id=dispatch_id)
    return dispatch


def list_dispatches(
    session: Session,
    *,
    district_ids: Iterable[str] | None = None,
    service_date: date | None = None,
    proposal_id: str | None = None,
    truck_id: str | None = None,
) -> list[Dispatch]:
    """Return dispatches by the time they leave, of some districts, one date, proposal or truck if these are given."""
    query = select(Dispatch).order_by(col(Dispatch.leaves_at), col(Dispatch.id))
    if district_ids is not None:
        query = query.where(col(Dispatch.district_id).in_(list(district_ids)))
    for column, wanted in (
        (Dispatch.service_date, service_date),
        (Dispatch.proposal_id, proposal_id),
        (Dispatch.truck_id, truck_id),
    ):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    return list(session.exec(query))


def visits_of(session: Session, dispatch_id: str) -> list[DispatchVisit]:
    """Return the visits of a dispatch in order."""
    return list(
        session.exec(
            select(DispatchVisit).where(DispatchVisit.dispatch_id == dispatch_id).order_by(col(DispatchVisit.sequence))
        )
    )
