"""Alarms: what is wrong with a bin or a device right now, one open alarm for each kind and object.

An alarm is raised when its cause begins and closes itself when the cause is gone. A person may acknowledge it (somebody
is on it) or close it by hand with a reason; then it stays quiet while the same cause goes on, for a time that depends
on its kind, and is raised anew if the cause comes again. The database itself allows only one row with a standing cause
for each kind and object, so two processes that see the same cause at once raise one alarm.

Every step is written with its audit record and its outbox event in the transaction that took it; the event's kind is
``alarm.<kind>.raised``, ``.confirmed``, ``.acknowledged`` or ``.closed``, so that whoever waits for fires hears nothing
else.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, CheckConstraint, Column, Engine, Index, text
from sqlmodel import Field, Session, SQLModel, col, select

from city.clock import Clock
from city.database import moment, transaction, word
from city.journal import record
from city.registry import Bin, CollectionPoint
from sensors.bulk import chunks, document, given
from sensors.duties import begin, step_as_seen
from sensors.errors import ChangedDutyError, MovedDutyError, NoReasonError, UnknownDutyError

# Who acts when readings, or their absence, decide.
SENSORS = "sensors"


class AlarmKind(StrEnum):
    """What is wrong."""

    FIRE = "fire"
    TILT = "tilt"
    OVERFLOW = "overflow"
    OFFLINE = "offline"
    OUTAGE = "outage"
    BATTERY = "battery"


class Severity(StrEnum):
    """How fast somebody must come: at once, today, at the next occasion."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class AlarmState(StrEnum):
    """Where an alarm stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


SEVERITY = {
    AlarmKind.FIRE: Severity.CRITICAL,
    AlarmKind.OVERFLOW: Severity.MAJOR,
    AlarmKind.OUTAGE: Severity.MAJOR,
    AlarmKind.TILT: Severity.MINOR,
    AlarmKind.OFFLINE: Severity.MINOR,
    AlarmKind.BATTERY: Severity.MINOR,
}

# How long an alarm that a person closed stays quiet although its cause goes on. A fire is never put off for longer
# than it takes to go there and look; the others come again after a week, so that nothing is forgotten for good.
QUIET = dict.fromkeys(AlarmKind, timedelta(days=7)) | {AlarmKind.FIRE: timedelta(hours=1)}

_STANDING = text("gone_at IS NULL")


class Alarm(SQLModel, table=True):
    """Something that is, or was, wrong with one object."""

    __table_args__ = (
        Index("uq_alarm_standing", "kind", "subject", unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING),
        Index("ix_alarm_standing_device", "device_id", sqlite_where=_STANDING, postgresql_where=_STANDING),
        Index("ix_alarm_standing_bin", "bin_id", sqlite_where=_STANDING, postgresql_where=_STANDING),
        Index("ix_alarm_raised_at", "raised_at", "id"),
        CheckConstraint("gone_at IS NULL OR closed_at IS NOT NULL", name="gone_is_closed"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: AlarmKind = Field(sa_column=word(AlarmKind))
    severity: Severity = Field(sa_column=word(Severity))
    subject: str = Field(description="the object, kind/id: bin/..., device/..., gateway/..., platform/...")
    district_id: str | None = Field(default=None, foreign_key="district.id", index=True, description="none: no one's")
    point_id: str | None = Field(default=None, foreign_key="collection_point.id")
    bin_id: str | None = Field(default=None, foreign_key="bin.id")
    device_id: str | None = Field(default=None, foreign_key="device.id")
    version: int = Field(default=1, description="grows with every step; a person's step names the version it is about")
    began_at: datetime = Field(sa_column=moment(), description="when the cause began, by the devices' time")
    raised_at: datetime = Field(sa_column=moment())
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    acknowledged_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    acknowledged_by: str | None = None
    closed_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    closed_by: str | None = Field(default=None, description="who closed it; `sensors`: its cause was gone")
    close_reason: str = Field(default="", description="in words if a person closed it, else a code")
    gone_at: datetime | None = Field(
        default=None,
        sa_column=moment(nullable=True),
        description="when the cause was gone, or its time to be quiet was over; none: it stands",
    )

    @property
    def state(self) -> AlarmState:
        """Where it stands."""
        if self.closed_at is not None:
            return AlarmState.CLOSED
        return AlarmState.OPEN if self.acknowledged_at is None else AlarmState.ACKNOWLEDGED


def in_states(states: Collection[AlarmState]) -> sa.ColumnElement[bool]:
    """Make the condition that leaves only alarms in some states."""
    closed, acknowledged = col(Alarm.closed_at).is_not(None), col(Alarm.acknowledged_at).is_not(None)
    wanted = {
        AlarmState.CLOSED: closed,
        AlarmState.ACKNOWLEDGED: sa.and_(sa.not_(closed), acknowledged),
        AlarmState.OPEN: sa.and_(sa.not_(closed), sa.not_(acknowledged)),
    }
    return sa.or_(*(wanted[state] for state in states))


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that deserves an alarm.

    Parameters
    ----------
    kind, subject
        What is wrong with which object.
    began_at
        Since when, by the devices' time.
    evidence
        Readings and values that show it.
    bin_id, device_id
        The bin and the device concerned; the place follows from the bin.
    district_id
        Where it is if there is no bin; none: no district in particular.
    """

    kind: AlarmKind
    subject: str
    began_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    bin_id: str | None = None
    device_id: str | None = None
    district_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What the one alarm for it is found by."""
        return self.kind.value, self.subject


@dataclass(frozen=True, slots=True)
class Gone:
    """A standing alarm whose cause is gone; `why` is a code, worded as ``alarm_closed.<why>``."""

    alarm: Alarm
    why: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alarm sends people."""

    district_id: str
    point_id: str
    name: str
    lon: float
    lat: float
    attended: bool


def standing(
    session: Session,
    *,
    device_ids: Collection[str] | None = None,
    bin_ids: Collection[str] | None = None,
    kinds: Collection[AlarmKind] | None = None,
) -> list[Alarm]:
    """Return the alarms whose cause stands, closed by hand or not, of some devices or bins or kinds, by id."""
    query = select(Alarm).where(col(Alarm.gone_at).is_(None)).order_by(col(Alarm.id))
    if kinds is not None:
        query = query.where(col(Alarm.kind).in_(kinds))
    if device_ids is None and bin_ids is None:
        return list(session.exec(query))
    found: dict[int | None, Alarm] = {}
    for column, wanted in ((Alarm.device_id, device_ids), (Alarm.bin_id, bin_ids)):
        if wanted:
            named = given(session, id=sa.String())
            rows = document(session, [{"id": one} for one in sorted(wanted)])
            of_them = query.join(named, named.c.id == col(column))
            found |= {alarm.id: alarm for alarm in session.exec(of_them, params=rows)}
    return [found[number] for number in sorted(found, key=lambda number: number or 0)]


def settle(session: Session, *, gone: Iterable[Gone] = (), causes: Iterable[Cause] = (), now: datetime) -> list[Alarm]:
    """Close what is gone and raise what has begun, in the caller's transaction. Returns what was raised.

    A cause that has its alarm already, or one that a person closed for a time, raises none. Call it once in a
    transaction: rows are taken in one order, first those that close and then those that are new, so that two
    processes wait for each other and cannot block each other.
    """
    for one in sorted(gone, key=lambda one: one.alarm.id or 0):
        _end(session, one, now)
    found = {cause.key: cause for cause in causes}
    if not found:
        return []
    places = places_of(session, {cause.bin_id for cause in found.values() if cause.bin_id is not None})
    rows = [_row(found[key], places.get(found[key].bin_id or ""), now) for key in sorted(found)]
    raised = begin(session, Alarm, rows, once=["kind", "subject"], while_=_STANDING)
    for alarm in raised:
        _tell(session, alarm, "raised", SENSORS, now, place=places.get(alarm.bin_id or ""))
    return raised


def renew(
    session: Session, alarm: Alarm, evidence: Mapping[str, Any], now: datetime, *, confirmed: bool = False
) -> None:
    """Put newer evidence on a standing alarm, and if it is what confirms it, tell so."""
    values: dict[str, Any] = {"evidence": {**alarm.evidence, **evidence}}
    if confirmed:
        values["version"] = col(Alarm.version) + 1
    where = (col(Alarm.id) == alarm.id, col(Alarm.gone_at).is_(None))
    changed = session.connection().execute(sa.update(Alarm).where(*where).values(**values))
    if confirmed and changed.rowcount == 1:
        session.refresh(alarm)
        places = places_of(session, {alarm.bin_id} if alarm.bin_id is not None else ())
        _tell(session, alarm, "confirmed", SENSORS, now, place=places.get(alarm.bin_id or ""))


def end_quiet(session: Session, now: datetime) -> None:
    """Let alarms that people closed come again where their cause still stands and their time to be quiet is over."""
    for kind, quiet in QUIET.items():
        over = (col(Alarm.kind) == kind, col(Alarm.closed_at) <= now - quiet, col(Alarm.gone_at).is_(None))
        session.connection().execute(sa.update(Alarm).where(*over).values(gone_at=now))


def forget(session: Session, alarm: Alarm, now: datetime) -> None:
    """Let an alarm that a person closed come again at once, because its cause has become worse."""
    where = (col(Alarm.id) == alarm.id, col(Alarm.closed_at).is_not(None), col(Alarm.gone_at).is_(None))
    session.connection().execute(sa.update(Alarm).where(*where).values(gone_at=now))


def acknowledge(engine: Engine, clock: Clock, *, alarm_id: int, version: int, actor: str) -> Alarm:
    """Write down who is on it. Of many at once one counts; the same person again gets the same answer.

    Raises
    ------
    UnknownDutyError
        If there is no such alarm.
    ChangedDutyError, MovedDutyError
        If it has changed since it was read, or is closed or somebody else's already; nothing is changed.
    """
    now = clock.now()
    with transaction(engine) as session:
        alarm = read_alarm(session, alarm_id)
        if alarm.acknowledged_by == actor and alarm.closed_at is None:
            return alarm
        _step(session, alarm, version, {"acknowledged_at": now, "acknowledged_by": actor}, AlarmState.OPEN)
        _tell(session, alarm, "acknowledged", actor, now)
        return alarm


def close(engine: Engine, clock: Clock, *, alarm_id: int, version: int, actor: str, reason: str) -> Alarm:
    """Close an alarm by hand. While its cause goes on it stays quiet for the time its kind allows.

    Raises
    ------
    UnknownDutyError
        If there is no such alarm.
    NoReasonError
        If no reason is given.
    ChangedDutyError, MovedDutyError
        If it has changed since it was read, or is closed already; nothing is changed.
    """
    if not reason.strip():
        raise NoReasonError("reason_missing")
    now = clock.now()
    with transaction(engine) as session:
        alarm = read_alarm(session, alarm_id)
        if (alarm.closed_by, alarm.close_reason) == (actor, reason):
            return alarm
        values = {"closed_at": now, "closed_by": actor, "close_reason": reason}
        _step(session, alarm, version, values, AlarmState.OPEN, AlarmState.ACKNOWLEDGED)
        _tell(session, alarm, "closed", actor, now, reason=reason)
        return alarm


def read_alarm(session: Session, alarm_id: int) -> Alarm:
    """Read an alarm as it stands.

    Raises
    ------
    UnknownDutyError
        If there is none of that number.
    """
    alarm = session.get(Alarm, alarm_id, populate_existing=True)
    if alarm is None:
        raise UnknownDutyError("unknown_alarm", alarm_id=alarm_id)
    return alarm


def places_of(session: Session, bin_ids: Iterable[str]) -> dict[str, Place]:
    """Return where bins stand, by bin."""
    found: dict[str, Place] = {}
    for chunk in chunks(sorted(bin_ids)):
        rows = session.exec(
            select(Bin.id, CollectionPoint)
            .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
            .where(col(Bin.id).in_(chunk))
        )
        for bin_id, point in rows:
            found[bin_id] = Place(point.district_id, point.id, point.name, point.lon, point.lat, point.attended)
    return found


def _row(cause: Cause, place: Place | None, now: datetime) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "severity": SEVERITY[cause.kind],
        "subject": cause.subject,
        "district_id": place.district_id if place else cause.district_id,
        "point_id": place.point_id if place else None,
        "bin_id": cause.bin_id,
        "device_id": cause.device_id,
        "version": 1,
        "began_at": cause.began_at,
        "raised_at": now,
        "evidence": dict(cause.evidence),
        "close_reason": "",
    }


def _end(session: Session, gone: Gone, now: datetime) -> None:
    """Note that a cause is gone, and close the alarm if nobody did."""
    alarm = gone.alarm
    still = (col(Alarm.id) == alarm.id, col(Alarm.gone_at).is_(None))
    open_ = (*still, col(Alarm.closed_at).is_(None))
    closing = {"closed_at": now, "gone_at": now, "closed_by": SENSORS, "close_reason": gone.why}
    closed = session.connection().execute(
        sa.update(Alarm).where(*open_).values(**closing, version=col(Alarm.version) + 1)
    )
    if closed.rowcount == 1:
        session.refresh(alarm)
        _tell(session, alarm, "closed", SENSORS, now, reason=gone.why)
    else:
        session.connection().execute(sa.update(Alarm).where(*still).values(gone_at=now))


def _step(session: Session, alarm: Alarm, version: int, values: dict[str, Any], *states: AlarmState) -> None:
    """Take a person's step if the alarm is as they saw it and where the step may begin."""
    open_ = [col(Alarm.closed_at).is_(None)]
    if AlarmState.ACKNOWLEDGED not in states:
        open_.append(col(Alarm.acknowledged_at).is_(None))
    if step_as_seen(session, alarm, version, values, *open_):
        return
    if alarm.state not in states:
        who = alarm.closed_by if alarm.state is AlarmState.CLOSED else alarm.acknowledged_by
        raise MovedDutyError(f"alarm_{alarm.state.value}", alarm_id=alarm.id, who=who or SENSORS)
    raise ChangedDutyError("alarm_changed", alarm_id=alarm.id, version=version, current=alarm.version)


def _tell(
    session: Session,
    alarm: Alarm,
    what: str,
    actor: str,
    now: datetime,
    *,
    reason: str = "",
    place: Place | None = None,
) -> None:
    """Write one step of an alarm down, with what somebody needs who must go there."""
    after: dict[str, Any] = {
        "alarm_id": alarm.id,
        "state": alarm.state,
        "severity": alarm.severity,
        "object": alarm.subject,
        "began_at": alarm.began_at.isoformat(),
        "evidence": alarm.evidence,
    }
    if place is not None:
        after["place"] = {
            "point_id": place.point_id,
            "name": place.name,
            "lon": place.lon,
            "lat": place.lat,
            "attended": place.attended,
        }
    record(
        session,
        at=now,
        actor=actor,
        action=f"alarm.{alarm.kind}.{what}",
        subject=f"alarm/{alarm.id}",
        district_id=alarm.district_id,
        reason=reason,
        after=after,
    )
