"""Service records: proof that a stop was done, or could not be, and why."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from city.database import moment, word
from city.registry import Bin, CollectionPoint, StreamRule
from city.streams import Stream
from sensors.cleaning import HIGHEST_LEVEL
from sensors.errors import IntakeError
from sensors.estimate import serve
from sensors.states import open_estimates

# A phone's clock may be this far ahead of ours.
CLOCK_TOLERANCE = timedelta(minutes=5)


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


def record_service(session: Session, record: ServiceRecord, now: datetime) -> None:
    """Store a service record and move the states of its bins, in the caller's transaction.

    Done: the point's bins of that stream were emptied then, and what was weighed tells how full they were. Could not:
    nothing is known anew. A reading of a later time than the record has the last word on the level.

    Raises
    ------
    IntakeError
        ``future`` if it is to have happened after `now`; ``unknown_point`` if the registry has no such point.
    """
    if record.at > now + CLOCK_TOLERANCE:
        raise IntakeError("future", f"the service at {record.point_id} lies in the future: {record.at.isoformat()}")
    if session.get(CollectionPoint, record.point_id) is None:
        raise IntakeError("unknown_point", f"collection point {record.point_id} is not in the registry")
    session.add(record)
    session.flush()
    if record.outcome is not ServiceOutcome.DONE:
        return
    bins = session.exec(
        select(Bin).where(Bin.point_id == record.point_id, Bin.stream == record.stream, col(Bin.active))
    ).all()
    found = _found(session, record, bins)
    with open_estimates(session, [bin_.id for bin_ in bins]) as estimates:
        for estimate in estimates.values():
            heard = [at for at in (estimate.as_of, estimate.rival_as_of) if at is not None]
            if not heard or record.at >= max(heard):
                serve(estimate, record.at, found)
            elif estimate.emptied_at is None or record.at > estimate.emptied_at:
                estimate.emptied_at = record.at


def _found(session: Session, record: ServiceRecord, bins: Sequence[Bin]) -> float | None:
    """Return the mean fill level the crew found, from what they weighed; none if they did not weigh."""
    rule = session.get(StreamRule, record.stream)
    volume_l = sum(bin_.usable_volume_l for bin_ in bins)
    if record.weight_kg is None or rule is None or volume_l == 0:
        return None
    return min(record.weight_kg / (rule.density_kg_per_l * volume_l), HIGHEST_LEVEL)
