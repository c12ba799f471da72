"""Dispatches: approved routes in the hands of a crew."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, and_, col, select

from agents.errors import NotFoundError
from city.database import moment, word
from city.streams import Stream
from sensors.service import ServiceRecord

# A truck this much behind its times is not coming any more as far as planning is concerned.
OVERDUE = timedelta(hours=2)


class DispatchState(StrEnum):
    """Where a dispatch stands."""

    PUBLISHED = "published"
    STARTED = "started"
    FINISHED = "finished"
    STOPPED = "stopped"


# States in which a truck is not sent to any stop any more.
OVER = frozenset({DispatchState.FINISHED, DispatchState.STOPPED})


class Dispatch(SQLModel, table=True):
    """One truck's approved route. A proposal gives a truck at most one, whatever is retried.

    An approved change of the day gives it another version. It is stopped when its truck goes no further.
    """

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
    version: int = Field(default=1, description="grows with every change that its crew must see")
    published_at: datetime = Field(sa_column=moment())
    changed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    changed_by: str | None = Field(default=None, description="the change that made its present version")
    leaves_at: datetime = Field(sa_column=moment())
    returns_at: datetime = Field(sa_column=moment())
    distance_m: int
    duration_s: int


class DispatchVisit(SQLModel, table=True):
    """One visit of a dispatch, in order: leaving the depot, a stop, an unloading, a break, coming home."""

    __tablename__ = "dispatch_visit"

    dispatch_id: str = Field(primary_key=True, foreign_key="dispatch.id")
    sequence: int = Field(primary_key=True)
    kind: str = Field(description="start, stop, unload, break or end")
    stop_id: str | None = None
    point_id: str | None = Field(default=None, foreign_key="collection_point.id")
    stream: Stream | None = Field(default=None, sa_column=word(Stream, nullable=True))
    facility_id: str | None = Field(default=None, foreign_key="facility.id")
    arrives_at: datetime = Field(sa_column=moment())
    departs_at: datetime = Field(sa_column=moment())
    load_kg: int
    load_l: int


class WithdrawnVisit(SQLModel, table=True):
    """A stop that was taken off a dispatch. A crew without signal may serve it all the same and report that later."""

    __tablename__ = "withdrawn_visit"

    dispatch_id: str = Field(primary_key=True, foreign_key="dispatch.id")
    stop_id: str = Field(primary_key=True)
    point_id: str = Field(foreign_key="collection_point.id")
    stream: Stream = Field(sa_column=word(Stream))
    at: datetime = Field(sa_column=moment())
    change_id: str | None = Field(
        default=None, foreign_key="proposal.id", description="the change; none: another truck had been there"
    )


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


@dataclass(frozen=True, slots=True)
class Underway:
    """A truck that is sent to a stop and has not been there yet."""

    truck_id: str
    arrives_at: datetime


def underway(session: Session, district_id: str, now: datetime) -> dict[str, Underway]:
    """Return the stops of a district that a truck is on its way to, by stop id.

    A visit that is long overdue does not count: whoever relies on it would wait for nothing.
    """
    rows = session.exec(
        select(DispatchVisit.stop_id, Dispatch.truck_id, DispatchVisit.arrives_at)
        .join(Dispatch, col(Dispatch.id) == DispatchVisit.dispatch_id)
        .outerjoin(
            ServiceRecord,
            and_(
                col(ServiceRecord.dispatch_id) == col(DispatchVisit.dispatch_id),
                col(ServiceRecord.stop_id) == col(DispatchVisit.stop_id),
            ),
        )
        .where(
            Dispatch.district_id == district_id,
            col(Dispatch.state).not_in(OVER),
            col(DispatchVisit.stop_id).is_not(None),
            DispatchVisit.arrives_at > now - OVERDUE,
            col(ServiceRecord.id).is_(None),
        )
    )
    return {stop_id: Underway(truck_id, arrives_at) for stop_id, truck_id, arrives_at in rows if stop_id is not None}


def visits_of(session: Session, dispatch_id: str) -> list[DispatchVisit]:
    """Return the visits of a dispatch in order."""
    return list(
        session.exec(
            select(DispatchVisit).where(DispatchVisit.dispatch_id == dispatch_id).order_by(col(DispatchVisit.sequence))
        )
    )
