"""Emptyings in the database: which bins must be looked at again, what was found, and what their empties teach.

Whatever may tell of an emptying (the filter changed its mind, a crew's record, a lift) marks its bin. A marked bin is
looked at soon, and once more a day later, when what came afterwards is known; the look reads everything that was said
of the bin in the last days and writes its emptyings anew. So what is stored follows from what was said, not from the
order it came in, and a process that dies in between has lost nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Engine, Index
from sqlmodel import Field, Session, SQLModel, col, select

from city.database import UtcDateTime, moment, turn
from city.registry import Bin, CollectionPoint, PointKind, StreamRule
from city.streams import Stream
from city.wording import Language, say
from sensors.afterwards import LOOKED_AT, Spoken, changed_verdicts, find_still, keep_verdicts
from sensors.bridging import Bridge, Weighed, bridges
from sensors.bulk import document, given, insert_new
from sensors.calibrations import learn
from sensors.emptyings import BELIEVED, Emptying, LiftReported, Recorded, Told, emptyings
from sensors.falls import Read
from sensors.levels import BinState, peers_of
from sensors.near import TruckStops
from sensors.priors import Peers, prior_for
from sensors.service import ServiceOutcome, ServiceRecord
from sensors.states import lock_states
from sensors.stillness import Still
from sensors.stirred import Stirred
from sensors.telemetry import LiftRecord, Reading
from sensors.timeline import REACH_DAYS
from sensors.witnesses import found_level

# Emptyings are written anew from so long before what stirred a bin, and read from so long before that, so that the
# first of them is seen with what came before it.
WRITTEN_ANEW, READ_BEFORE = timedelta(days=REACH_DAYS + 1), timedelta(days=7)
# What came afterwards is known when so much time has passed.
SETTLES = timedelta(hours=24)
# Bins of one transaction, at 15 ms each: readings of these bins wait for it, and on SQLite all others too.
AT_ONCE = 10
HOUR = timedelta(hours=1)


class EmptyingRecord(SQLModel, table=True):
    """A bin was emptied, or somebody says so, with who says it and what contradicts it."""

    __tablename__ = "emptying"
    __table_args__ = (Index("ix_emptying_at", "at"),)

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    at: datetime = Field(sa_column=moment(primary_key=True), description="the likeliest moment")
    earliest: datetime = Field(sa_column=moment())
    latest: datetime = Field(sa_column=moment())
    confidence: float = Field(ge=0, le=1, description=f"probability that it took place; counts from {BELIEVED} on")
    sources: list[str] = Field(sa_column=Column(JSON, nullable=False), description="of sensors.emptyings.Source")
    level_before: float | None = Field(default=None, description="as the sensor saw it")
    level_after: float | None = None
    found_level: float | None = Field(default=None, description="as what was weighed tells")
    conflicted: bool = Field(default=False, description="whether sources contradict each other")
    conflicts: list[Any] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False), description="pairs of code and numbers"
    )


@dataclass(frozen=True, slots=True)
class _Watched:
    """A bin as a look needs to know it."""

    bin_id: str
    point_id: str
    district_id: str
    kind: str
    stream: str
    lon: float
    lat: float
    volume_l: int
    stop_volume_l: int
    depth_cm: int
    density_kg_per_l: float | None
    rate_per_h: float
    from_: datetime
    written_from: datetime


def look_at_stirred(engine: Engine, now: datetime) -> int:
    """Look at every bin that is due; return how many those were."""
    looked = 0
    while True:
        with turn(engine) as session:
            is_due = col(Stirred.due_at) <= now
            bins = session.exec(
                select(Stirred.bin_id).where(is_due).order_by(col(Stirred.due_at), col(Stirred.bin_id)).limit(AT_ONCE)
            ).all()
            # Whoever takes in readings locks the states first and marks bins afterwards; so it is done here.
            lock_states(session, bins)
            due = session.exec(select(Stirred).where(is_due, col(Stirred.bin_id).in_(bins)).with_for_update()).all()
            look(session, {mark.bin_id: mark.at for mark in due}, now)
            for mark in due:
                settled = mark.latest + SETTLES
                if settled <= now:
                    session.delete(mark)
                    continue
                mark.due_at = settled
                # What is older than that was looked at with all that came afterwards.
                mark.at = min(max(mark.at, now - SETTLES), mark.latest)
        looked += len(due)
        if len(bins) < AT_ONCE:
            return looked


def look(session: Session, since: Mapping[str, datetime], now: datetime) -> None:
    """Find the emptyings of bins anew, each from some days before a moment on, and learn from them.

    Parameters
    ----------
    since
        By bin, the first event that may tell of an emptying that is not found yet.
    now
        The city's time; calibrations that change hold for readings from then on.
    """
    bins = _bins(session, since)
    spoken = _spoken(session, bins.values())
    records, lifts = _records(session, bins.values()), _lifts(session, bins.values())
    peers: dict[str, Peers] = {}
    rows: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    standing: dict[str, tuple[Still, Spoken] | None] = {}
    for bin_id, watched in bins.items():
        if watched.district_id not in peers:
            peers[watched.district_id] = peers_of(session, watched.district_id)
        alike = prior_for(Stream(watched.stream), PointKind(watched.kind), watched.volume_l, peers[watched.district_id])
        claims = [one.at for one in records.get(bin_id, []) if one.done] + [one.at for one in lifts.get(bin_id, [])]
        said = spoken.get(bin_id, [])
        still, of_device = find_still(said, claims, alike.rate_per_h)
        heard = [one for one in said if one.identity not in still]
        told = Told([(one.at, one.level) for one in heard], records.get(bin_id, []), lifts.get(bin_id, []))
        stops = TruckStops(session, watched.district_id, watched.stream, watched.lon, watched.lat)
        found, seen = emptyings(told, rate_per_h=watched.rate_per_h, near=stops.near)
        rows += [_row(bin_id, one) for one in found if one.at >= watched.written_from]
        standing |= of_device
        changed += changed_verdicts(
            said, still, heard, seen.false, _bridged(heard, seen, found), anew_from=watched.written_from
        )
        learn(
            session,
            bin_id,
            watched.depth_cm,
            found,
            [(one.device_id, one.at, one.distance_cm) for one in heard],
            seen.false,
            anew_from=watched.written_from,
            now=now,
        )
    keep_verdicts(session, changed, standing)
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    gone = sa.delete(EmptyingRecord).where(
        sa.exists().where(wanted.c.bin_id == col(EmptyingRecord.bin_id), col(EmptyingRecord.at) >= wanted.c.since)
    )
    named = [{"bin_id": one.bin_id, "since": one.written_from} for one in bins.values()]
    session.connection().execute(gone, document(session, named))
    insert_new(session, EmptyingRecord, rows)


def list_emptyings(
    session: Session,
    *,
    bin_id: str | None = None,
    district_ids: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    conflicted: bool | None = None,
    limit: int | None = 1_000,
) -> list[EmptyingRecord]:
    """Return emptyings, the latest first, those that are not believed included.

    Parameters
    ----------
    bin_id, district_ids
        Only of this bin, or of these districts.
    since, until
        Only those in between.
    conflicted
        Only those with contradictions, or only those without.
    """
    query = select(EmptyingRecord).order_by(col(EmptyingRecord.at).desc(), col(EmptyingRecord.bin_id)).limit(limit)
    if bin_id is not None:
        query = query.where(EmptyingRecord.bin_id == bin_id)
    if district_ids is not None:
        query = (
            query.join(Bin, col(Bin.id) == col(EmptyingRecord.bin_id))
            .join(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
            .where(col(CollectionPoint.district_id).in_(district_ids))
        )
    if since is not None:
        query = query.where(col(EmptyingRecord.at) >= since)
    if until is not None:
        query = query.where(col(EmptyingRecord.at) < until)
    if conflicted is not None:
        query = query.where(col(EmptyingRecord.conflicted) == conflicted)
    return list(session.exec(query))


def conflict_text(code: str, numbers: Mapping[str, float], language: Language) -> str:
    """Say how sources of an emptying contradict each other."""
    return say("sensors", f"conflict.{code}", language, **numbers)


def _bridged(heard: Sequence[Spoken], seen: Read, found: Sequence[Emptying]) -> list[Bridge]:
    """Find the readings that saw hanging waste."""
    if not heard:
        return []
    hours = [(one.at - heard[0].at) / HOUR for one in heard]
    emptied = [Weighed((one.at - heard[0].at) / HOUR, one.found) for one in found if one.counts]
    return bridges(hours, [one.level for one in heard], seen, emptied)


def _bins(session: Session, since: Mapping[str, datetime]) -> dict[str, _Watched]:
    wanted = given(session, bin_id=sa.String())
    stop_volume = (
        sa.select(col(Bin.point_id), col(Bin.stream), sa.func.sum(col(Bin.usable_volume_l)).label("volume_l"))
        .where(col(Bin.active))
        .group_by(col(Bin.point_id), col(Bin.stream))
        .subquery()
    )
    query = (
        sa.select(
            col(Bin.id), col(Bin.point_id), col(CollectionPoint.district_id), col(CollectionPoint.kind),
            col(Bin.stream), col(CollectionPoint.lon), col(CollectionPoint.lat), col(Bin.usable_volume_l),
            sa.func.coalesce(stop_volume.c.volume_l, col(Bin.usable_volume_l)), col(Bin.depth_cm),
            col(StreamRule.density_kg_per_l), sa.func.coalesce(col(BinState.rate_per_h), 0.0),
        )
        .join(wanted, wanted.c.bin_id == Bin.id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .outerjoin(stop_volume, sa.and_(stop_volume.c.point_id == Bin.point_id, stop_volume.c.stream == Bin.stream))
        .outerjoin(StreamRule, col(StreamRule.stream) == Bin.stream)
        .outerjoin(BinState, col(BinState.bin_id) == Bin.id)
        .order_by(col(Bin.id))
    )  # fmt: skip
    found = {}
    named = document(session, [{"bin_id": name} for name in sorted(since)])
    for row in map(tuple, session.connection().execute(query, named)):
        # By whole days, so that looks at different moments of a day see the same.
        day = datetime.combine(since[row[0]].astimezone(UTC).date(), time(), UTC)
        written_from = day - WRITTEN_ANEW
        values: tuple[Any, ...] = (*row, written_from - READ_BEFORE, written_from)
        found[row[0]] = _Watched(*values)
    return found


def _spoken(session: Session, bins: Iterable[_Watched]) -> dict[str, list[Spoken]]:
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    query = (
        sa.select(
            col(Reading.bin_id), col(Reading.device_id), col(Reading.frame_key), col(Reading.at),
            col(Reading.fill_level), col(Reading.distance_cm), col(Reading.temperature_c), col(Reading.verdict),
            col(Reading.verdict_reason),
        )
        .join(wanted, wanted.c.bin_id == Reading.bin_id)
        .where(
            col(Reading.at) >= wanted.c.since,
            col(Reading.verdict).in_(LOOKED_AT),
            col(Reading.fill_level).is_not(None),
        )
        .order_by(col(Reading.bin_id), col(Reading.at), col(Reading.device_id), col(Reading.frame_key))
    )  # fmt: skip
    said: dict[str, list[Spoken]] = defaultdict(list)
    for row in session.connection().execute(query, _named(session, bins)):
        values: tuple[Any, ...] = tuple(row)
        said[values[0]].append(Spoken(*values[1:]))
    return said


def _records(session: Session, bins: Iterable[_Watched]) -> dict[str, list[Recorded]]:
    bins = list(bins)
    of_bin = {one.bin_id: one for one in bins}
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    query = (
        sa.select(col(Bin.id), col(ServiceRecord.at), col(ServiceRecord.outcome), col(ServiceRecord.weight_kg))
        .join(wanted, wanted.c.bin_id == Bin.id)
        .join(
            ServiceRecord,
            sa.and_(col(ServiceRecord.point_id) == Bin.point_id, col(ServiceRecord.stream) == Bin.stream),
        )
        .where(col(ServiceRecord.at) >= wanted.c.since)
    )
    records: dict[str, list[Recorded]] = defaultdict(list)
    for bin_id, at, outcome, weight_kg in session.connection().execute(query, _named(session, bins)):
        watched = of_bin[bin_id]
        found = found_level(weight_kg, watched.stop_volume_l, watched.density_kg_per_l)
        records[bin_id].append(Recorded(at, outcome == ServiceOutcome.DONE, found))
    return records


def _lifts(session: Session, bins: Iterable[_Watched]) -> dict[str, list[LiftReported]]:
    bins = list(bins)
    of_bin = {one.bin_id: one for one in bins}
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    query = (
        sa.select(wanted.c.bin_id, col(LiftRecord.at), col(LiftRecord.weight_kg))
        .join(wanted, wanted.c.bin_id == LiftRecord.bin_id)
        .where(col(LiftRecord.at) >= wanted.c.since, col(LiftRecord.bin_id).is_not(None))
    )
    lifts: dict[str, list[LiftReported]] = defaultdict(list)
    for bin_id, at, weight_kg in session.connection().execute(query, _named(session, bins)):
        watched = of_bin[bin_id]
        lifts[bin_id].append(LiftReported(at, found_level(weight_kg, watched.volume_l, watched.density_kg_per_l)))
    return lifts


def _named(session: Session, bins: Iterable[_Watched]) -> dict[str, str]:
    return document(session, [{"bin_id": one.bin_id, "since": one.from_} for one in bins])


def _row(bin_id: str, one: Emptying) -> dict[str, Any]:
    return {
        "bin_id": bin_id,
        "at": one.at,
        "earliest": one.earliest,
        "latest": one.latest,
        "confidence": one.confidence,
        "sources": [source.value for source in one.sources],
        "level_before": one.before,
        "level_after": one.after,
        "found_level": one.found,
        "conflicted": bool(one.conflicts),
        "conflicts": [[code.value, numbers] for code, numbers in one.conflicts],
    }
