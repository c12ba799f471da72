"""The monitor: what needs attention? It turns what is known of a district's bins into needs, one per cause.

A cause that is found again keeps its need, with new evidence; one that is not found any more closes it. That a bin's
level is not known is a cause of its own: unknown is not empty. Open alarms of fire and of a bin that lies are causes
too; what the other alarms say follows from levels, from silence, or is a repair (`sensors.work_orders`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, or_

from agents.alarming import Alarming
from agents.ground import Ground
from agents.needs import Evidence, Need, NeedReason
from agents.outlook import BinOutlook
from agents.stop_ids import parse_stop_id, stop_id_of
from city.registry import Bin, CollectionPoint
from city.streams import Stream
from sensors.alarms import AlarmKind
from sensors.forecast import BRIM, HORIZON_H
from sensors.service import CouldNotReason, ServiceOutcome, ServiceRecord

# Above this probability a bin counts as overflowing now: it is likelier than not.
OVERFLOWING = 0.5
# Below this probability of overflowing before the next chance a bin is nobody's concern: at the worth of an avoided
# overflow (agents.dispatcher) no truck would go 300 m out of its way for it.
LEAST_RISK = 0.005
# A visit that failed longer ago than this has been dealt with by people, or never will be.
MISSED_WITHIN = timedelta(days=14)
# A level of which nothing is known, anywhere between empty and full, has this variance.
UNKNOWN_VARIANCE = 1 / 12


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something needs attention.

    Attributes
    ----------
    bin_id
        The bin it is about; ``None``: every bin of the stream at the point.
    confidence
        How sure it is, 0..1: of an overflow its probability, of a risk the share of the doubt about the level that
        has been removed, of a rule or a record 1.
    deadline
        When it is too late: when the expected level reaches the brim, when a rule's time is up.
    """

    reason: NeedReason
    point_id: str
    stream: Stream
    bin_id: str | None
    evidence: Evidence
    confidence: float
    deadline: datetime | None

    @property
    def key(self) -> str:
        """The cause's name: the same cause found again has the same."""
        return f"{self.reason}/{self.bin_id or stop_id_of(self.point_id, self.stream)}"


@dataclass(frozen=True, slots=True)
class Missed:
    """The last visit to a stop, which could not serve it."""

    at: datetime
    reason: CouldNotReason


# Causes that an alarm is, by its kind.
ALARMING = {AlarmKind.FIRE: NeedReason.FIRE, AlarmKind.TILT: NeedReason.TILTED}


def find_causes(ground: Ground, bins: Sequence[BinOutlook], missed: Mapping[str, Missed]) -> list[Cause]:
    """Find everything in a district that needs attention before the next chance after a shift."""
    return [
        *(_overflow(ground, outlook) for outlook in bins if outlook.level is not None and _is_at_risk(outlook)),
        *(_unknown(outlook) for outlook in bins if outlook.level is None),
        *_overdue(ground, bins),
        *_missed_services(ground, bins, missed),
        *_alarming(ground.alarming, bins),
    ]


def _is_at_risk(outlook: BinOutlook) -> bool:
    return outlook.full_by_next >= LEAST_RISK or outlook.full_now >= OVERFLOWING


def _overflow(ground: Ground, outlook: BinOutlook) -> Cause:
    overflowing = outlook.full_now >= OVERFLOWING
    assert outlook.sigma is not None  # noqa: S101 - known bins only
    return Cause(
        reason=NeedReason.OVERFLOWING if overflowing else NeedReason.OVERFLOW_RISK,
        point_id=outlook.point_id,
        stream=outlook.stream,
        bin_id=outlook.bin_id,
        evidence=Evidence(
            level=outlook.level,
            sigma=outlook.sigma,
            rate_per_h=outlook.rate_per_h,
            full_by_service=outlook.full_by_service,
            full_by_next=outlook.full_by_next,
            next_at=ground.next_at(outlook.stream),
            emptied_at=outlook.emptied_at,
            heard_at=outlook.heard_at,
        ),
        confidence=outlook.full_now if overflowing else max(0.0, 1.0 - outlook.sigma**2 / UNKNOWN_VARIANCE),
        deadline=_brim_at(ground, outlook),
    )


def _brim_at(ground: Ground, outlook: BinOutlook) -> datetime | None:
    """When the expected level reaches the brim; ``None``: too far off to be a date."""
    assert outlook.level is not None  # noqa: S101 - known bins only
    left = max(BRIM - outlook.level, 0.0)
    if left > outlook.rate_per_h * HORIZON_H:
        return None
    return ground.now + timedelta(hours=left / outlook.rate_per_h) if left else ground.now


def _unknown(outlook: BinOutlook) -> Cause:
    return Cause(
        reason=NeedReason.UNKNOWN_LEVEL,
        point_id=outlook.point_id,
        stream=outlook.stream,
        bin_id=outlook.bin_id,
        evidence=Evidence(emptied_at=outlook.emptied_at, heard_at=outlook.heard_at),
        confidence=1.0,
        deadline=None,
    )


def _overdue(ground: Ground, bins: Iterable[BinOutlook]) -> list[Cause]:
    """Stops that the rules want served before the next shift begins: "daily" must not become every shift."""
    oldest: dict[str, datetime | None] = {}
    for outlook in bins:
        rule = ground.rules.get(outlook.stream)
        if rule is None or rule.max_interval_h is None:
            continue
        known = oldest.setdefault(outlook.stop_id, outlook.emptied_at)
        if known is not None and (outlook.emptied_at is None or outlook.emptied_at < known):
            oldest[outlook.stop_id] = outlook.emptied_at
    causes = []
    for stop_id, emptied_at in oldest.items():
        point_id, stream = parse_stop_id(stop_id)
        interval_h = ground.rules[stream].max_interval_h
        assert interval_h is not None  # noqa: S101 - only streams with a rule are in here
        due_at = ground.now if emptied_at is None else emptied_at + timedelta(hours=interval_h)
        if due_at >= ground.next_start(stream):
            continue
        evidence = Evidence(emptied_at=emptied_at, interval_h=interval_h, due_at=due_at, next_at=ground.next_at(stream))
        causes.append(Cause(NeedReason.RULE_INTERVAL, point_id, stream, None, evidence, 1.0, due_at))
    return causes


def _missed_services(ground: Ground, bins: Iterable[BinOutlook], missed: Mapping[str, Missed]) -> list[Cause]:
    standing = {outlook.stop_id for outlook in bins}
    causes = []
    for stop_id, visit in missed.items():
        if stop_id in standing:
            point_id, stream = parse_stop_id(stop_id)
            evidence = Evidence(missed_at=visit.at, missed_reason=visit.reason, next_at=ground.next_at(stream))
            causes.append(Cause(NeedReason.MISSED_SERVICE, point_id, stream, None, evidence, 1.0, ground.day.ends_at))
    return causes


def _alarming(alarming: Alarming, bins: Iterable[BinOutlook]) -> list[Cause]:
    """Causes from open alarms. A fire is too late at once; a bin that lies has no date of its own."""
    causes = []
    for outlook in bins:
        for kind, reason in ALARMING.items():
            if (alarm := alarming.get((kind, outlook.bin_id))) is not None:
                evidence = Evidence(alarm_id=alarm.id, began_at=alarm.began_at)
                deadline = alarm.began_at if kind is AlarmKind.FIRE else None
                causes.append(Cause(reason, outlook.point_id, outlook.stream, outlook.bin_id, evidence, 1.0, deadline))
    return causes


def missed_stops(session: Session, district_id: str, now: datetime) -> dict[str, Missed]:
    """Return the stops of a district whose last visit could not serve them, by stop id."""
    rows = session.connection().execute(
        sa.select(
            col(ServiceRecord.point_id),
            col(ServiceRecord.stream),
            col(ServiceRecord.at),
            col(ServiceRecord.outcome),
            col(ServiceRecord.reason),
        )
        .join(CollectionPoint, col(CollectionPoint.id) == col(ServiceRecord.point_id))
        .where(col(CollectionPoint.district_id) == district_id, col(ServiceRecord.at) > now - MISSED_WITHIN)
        .order_by(col(ServiceRecord.at), col(ServiceRecord.id))
    )
    last = {stop_id_of(row.point_id, row.stream): row for row in rows}
    return {
        stop_id: Missed(row.at, row.reason or CouldNotReason.OTHER)
        for stop_id, row in last.items()
        if row.outcome is ServiceOutcome.COULD_NOT
    }


def keep_needs(session: Session, district_id: str, causes: Sequence[Cause], now: datetime) -> None:
    """Open a need for every new cause, renew the evidence of the known ones, close those whose cause is gone.

    A need follows its point or its bin where that has been moved since, also from another district.
    """
    table = Need.__table__  # type: ignore[attr-defined]
    connection = session.connection()
    points = sa.select(col(CollectionPoint.id)).where(col(CollectionPoint.district_id) == district_id)
    known: dict[str, int] = dict(
        connection.execute(
            sa.select(table.c.open_key, table.c.id).where(
                table.c.open_key.is_not(None),
                or_(
                    table.c.district_id == district_id,
                    table.c.point_id.in_(points),
                    table.c.bin_id.in_(sa.select(col(Bin.id)).where(col(Bin.point_id).in_(points))),
                ),
            )
        ).all()
    )
    found = {cause.key: cause for cause in causes}
    if gone := [{"gone_id": known[key]} for key in known.keys() - found.keys()]:
        connection.execute(
            table.update()
            .where(table.c.id == sa.bindparam("gone_id"))
            .values(open_key=None, closed_at=now, updated_at=now),
            gone,
        )
    as_found = {key: _as_found(cause, district_id, now) for key, cause in found.items()}
    if renewed := [{"known_id": known[key], **columns} for key, columns in as_found.items() if key in known]:
        connection.execute(
            table.update()
            .where(table.c.id == sa.bindparam("known_id"))
            .values({name: sa.bindparam(name) for name in next(iter(as_found.values()))}),
            renewed,
        )
    if new := [
        {
            "bin_id": found[key].bin_id,
            "reason": found[key].reason,
            "open_key": key,
            "opened_at": now,
            "action_reason": {},
            **columns,
        }
        for key, columns in as_found.items()
        if key not in known
    ]:
        connection.execute(table.insert(), new)


def _as_found(cause: Cause, district_id: str, now: datetime) -> dict[str, Any]:
    """Columns that are new each time a cause is found."""
    return {
        "district_id": district_id,
        "point_id": cause.point_id,
        "stream": cause.stream,
        "evidence": cause.evidence.model_dump(mode="json", exclude_none=True),
        "confidence": cause.confidence,
        "deadline": cause.deadline,
        "updated_at": now,
    }
