"""Service records: proof that a stop was done, or could not be, and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, SQLModel, col, select

from city.clock import CLOCK_TOLERANCE
from city.database import UtcDateTime, moment, word
from city.registry import Bin, CollectionPoint, StreamRule
from city.streams import Stream
from sensors.bulk import chunks, document, given
from sensors.errors import IntakeError
from sensors.states import open_estimates
from sensors.timeline import Event, Served, tell
from sensors.witnesses import found_level, lifted_since, looked_since

# Values of one look-up; SQLite takes no more than 32,766 in a statement.
CHUNK = 10_000
# What a record says; two that agree in it are one.
SAID = ("point_id", "stream", "at", "outcome", "reason", "note", "weight_kg", "bin_count")


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
    """Store a service record and move the states of its bins; see `record_services`."""
    record_services(session, [record], now)


def record_services(session: Session, records: Sequence[ServiceRecord], now: datetime) -> None:
    """Store service records and move the states of their bins, in the caller's transaction.

    Done: the point's bins of that stream were emptied then, and what was weighed tells how full they were. Could not:
    nothing is known anew. A record that comes late is placed where it belongs; readings after it have the last word.
    The same record of a dispatch's stop again changes nothing.

    Raises
    ------
    IntakeError
        ``future`` if one is to have happened after `now`; ``unknown_point`` if the registry has no such point;
        ``record_contradicts`` if the stop of the dispatch was recorded otherwise before.
    """
    points = _points(session, {record.point_id for record in records})
    for record in records:
        if record.at > now + CLOCK_TOLERANCE:
            raise IntakeError("future", f"the service at {record.point_id} lies in the future: {record.at.isoformat()}")
        if record.point_id not in points:
            raise IntakeError("unknown_point", f"collection point {record.point_id} is not in the registry")
    new = [record for record in records if not _is_known(session, record)]
    session.add_all(new)
    session.flush()
    done = [record for record in new if record.outcome is ServiceOutcome.DONE]
    volumes = _volumes(session, {record.point_id for record in done})
    densities = dict(session.exec(select(StreamRule.stream, StreamRule.density_kg_per_l)).all())
    news: dict[str, list[Event]] = defaultdict(list)
    for record in done:
        of_stop = volumes[record.point_id, record.stream]
        found = found_level(record.weight_kg, sum(of_stop.values()), densities.get(record.stream))
        for bin_id in of_stop:
            news[bin_id].append(Served(record.at, record.id or 0, found))
    with open_estimates(session, news.keys()) as estimates:
        tell(session, estimates, news, told_since)


def _points(session: Session, ids: set[str]) -> set[str]:
    return {
        point_id
        for chunk in chunks(sorted(ids), CHUNK)
        for point_id in session.exec(select(CollectionPoint.id).where(col(CollectionPoint.id).in_(chunk)))
    }


def _volumes(session: Session, point_ids: set[str]) -> dict[tuple[str, Stream], dict[str, int]]:
    """Return the usable volumes of the bins in use of each stop, by bin."""
    found: dict[tuple[str, Stream], dict[str, int]] = defaultdict(dict)
    for chunk in chunks(sorted(point_ids), CHUNK):
        query = select(Bin.point_id, Bin.stream, Bin.id, Bin.usable_volume_l).where(
            col(Bin.point_id).in_(chunk), col(Bin.active)
        )
        for point_id, stream, bin_id, volume_l in session.exec(query):
            found[point_id, Stream(stream)][bin_id] = volume_l
    return found


def known_record(session: Session, dispatch_id: str, stop_id: str) -> ServiceRecord | None:
    """Return what was recorded of a dispatch's stop, if anything was."""
    return session.exec(
        select(ServiceRecord).where(ServiceRecord.dispatch_id == dispatch_id, ServiceRecord.stop_id == stop_id)
    ).one_or_none()


def contradictions(known: ServiceRecord, record: ServiceRecord) -> list[str]:
    """Name what two records of one stop say differently; none: they are the same record."""
    return [name for name in SAID if getattr(known, name) != getattr(record, name)]


def _is_known(session: Session, record: ServiceRecord) -> bool:
    """Tell whether the record is there already, in the same words."""
    if record.dispatch_id is None or record.stop_id is None:
        return False
    known = known_record(session, record.dispatch_id, record.stop_id)
    if known is None:
        return False
    for name in contradictions(known, record):
        raise IntakeError(
            "record_contradicts",
            f"stop {record.stop_id} of dispatch {record.dispatch_id} was recorded by {known.actor} with {name}"
            f" {getattr(known, name)}, and now with {getattr(record, name)}; a record is not changed",
        )
    return True


def told_since(session: Session, since: Mapping[str, datetime]) -> dict[str, list[Event]]:
    """Return what crews recorded, trucks lifted and people saw of bins since a moment each, by bin."""
    told: dict[str, list[Event]] = defaultdict(list)
    for look_up in (served_since, lifted_since, looked_since):
        for bin_id, events in look_up(session, since).items():
            told[bin_id] += events
    return told


def served_since(session: Session, since: Mapping[str, datetime]) -> dict[str, list[Served]]:
    """Return the emptyings recorded of bins since a moment each, by bin."""
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    beside = aliased(Bin)
    volume_l = (
        sa.select(sa.func.sum(beside.usable_volume_l))
        .where(col(beside.point_id) == Bin.point_id, col(beside.stream) == Bin.stream, col(beside.active))
        .scalar_subquery()
    )
    query = (
        sa.select(
            col(Bin.id),
            col(ServiceRecord.at),
            col(ServiceRecord.id),
            col(ServiceRecord.weight_kg),
            volume_l,
            col(StreamRule.density_kg_per_l),
        )
        .join(wanted, wanted.c.bin_id == Bin.id)
        .join(
            ServiceRecord,
            sa.and_(col(ServiceRecord.point_id) == Bin.point_id, col(ServiceRecord.stream) == Bin.stream),
        )
        .outerjoin(StreamRule, col(StreamRule.stream) == Bin.stream)
        .where(col(ServiceRecord.at) >= wanted.c.since, col(ServiceRecord.outcome) == ServiceOutcome.DONE)
    )
    rows = [{"bin_id": bin_id, "since": at} for bin_id, at in since.items()]
    served: dict[str, list[Served]] = defaultdict(list)
    for bin_id, at, record_id, weight_kg, volume, density in session.connection().execute(
        query, document(session, rows)
    ):
        served[bin_id].append(Served(at, record_id, found_level(weight_kg, volume or 0, density)))
    return served
