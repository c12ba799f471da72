"""What happens while a shift is under way and may change its plan: noted once for each cause, whoever notices it.

An event belongs to the planning cycle that takes it up. It is open until one has, and again when the change that came
of it could not be carried out.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, Column, update
from sqlmodel import Field, Session, SQLModel, col, select

from agents.said import said
from agents.shifts import ShiftDay
from city.database import insert_missing, moment, word
from city.journal import record
from city.wording import Language


class EventKind(StrEnum):
    """What happened, in the order in which a plan takes several at once in."""

    WAYS_CHANGED = "ways_changed"
    FACILITY_CLOSED = "facility_closed"
    TRUCK_OUT = "truck_out"
    TRUCK_LATE = "truck_late"
    STOP_CANCELLED = "stop_cancelled"
    STOP_MISSED = "stop_missed"
    STOP_NEEDED = "stop_needed"


ORDER = {kind: place for place, kind in enumerate(EventKind)}


class Details(BaseModel):
    """What else is known of an event.

    Attributes
    ----------
    by_s
        How late a truck is.
    from_at, until_at
        When a facility is closed or full; ``None``: from then on, for the rest of the day.
    truck_id
        Which truck could not serve a stop.
    by_truck_id
        Which truck a person chose to serve it; ``None``: whichever does it best.
    note
        What the person who told it added.
    """

    model_config = ConfigDict(frozen=True)

    by_s: int = 0
    from_at: datetime | None = None
    until_at: datetime | None = None
    truck_id: str | None = None
    by_truck_id: str | None = None
    note: str = ""


class DayEvent(SQLModel, table=True):
    """One thing that happened during a shift."""

    __tablename__ = "day_event"

    id: int | None = Field(default=None, primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    service_date: date = Field(index=True)
    shift_id: str = Field(foreign_key="shift.id")
    kind: EventKind = Field(sa_column=word(EventKind))
    subject_id: str = Field(description="the truck, stop, road (OSM way) or facility it is about")
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    cause: str = Field(unique=True, description="name of the cause; the same cause noticed again is the same event")
    happened_at: datetime = Field(sa_column=moment())
    noticed_at: datetime = Field(sa_column=moment())
    actor: str = Field(description="the account that told it, or the clock")
    cycle_id: int | None = Field(
        default=None, foreign_key="planning_cycle.id", index=True, description="the cycle that took it up; none: open"
    )

    @property
    def more(self) -> Details:
        """Its details."""
        return Details.model_validate(self.details)

    def say(self, language: Language) -> str:
        """Word it for a person."""
        return said(f"event.{self.kind}", language, numbers_of(self))


def numbers_of(event: DayEvent) -> dict[str, Any]:
    """Return what an event's sentence says."""
    more = event.more
    return {
        "subject": event.subject_id,
        "minutes": -(-more.by_s // 60),
        "truck": more.truck_id or event.subject_id,
        "note": more.note,
    }


def note_event(
    session: Session,
    day: ShiftDay,
    kind: EventKind,
    subject_id: str,
    *,
    cause: str,
    happened_at: datetime,
    noticed_at: datetime,
    actor: str,
    details: Details | None = None,
) -> bool:
    """Note an event in the caller's transaction, with its journal entry. Returns whether it is news."""
    if session.exec(select(DayEvent.id).where(DayEvent.cause == cause)).first() is not None:
        return False
    more = (details or Details()).model_dump(mode="json", exclude_defaults=True)
    insert_missing(
        session,
        DayEvent,
        district_id=day.district_id,
        service_date=day.service_date,
        shift_id=day.shift_id,
        kind=kind,
        subject_id=subject_id,
        details=more,
        cause=cause,
        happened_at=happened_at,
        noticed_at=noticed_at,
        actor=actor,
    )
    record(
        session,
        at=noticed_at,
        actor=actor,
        action=f"event.{kind}",
        subject=f"event/{kind}/{subject_id}",
        district_id=day.district_id,
        after={"thread_id": day.thread_id, "cause": cause, "happened_at": happened_at.isoformat(), **more},
    )
    return True


def events_of(session: Session, cycle_ids: Iterable[int]) -> list[DayEvent]:
    """Return the events that cycles have taken up, in the order in which a plan takes them in."""
    rows = session.exec(select(DayEvent).where(col(DayEvent.cycle_id).in_(list(cycle_ids))))
    return sorted(rows, key=lambda event: (ORDER[event.kind], event.id))


def hand_over(session: Session, from_cycle_id: int, to_cycle_id: int | None) -> None:
    """Give the events of a cycle to another that plans in its stead; ``None``: they are open again."""
    session.exec(update(DayEvent).where(col(DayEvent.cycle_id) == from_cycle_id).values(cycle_id=to_cycle_id))
