"""Work orders: jobs that are not a route, with the evidence for whoever goes there. Today: repairing a sensor.

One order is open for each object and cause; the database allows no second. An order that nobody has taken closes
itself when its cause is gone; one that somebody has taken is theirs to end, and is only told that the cause is gone.
Every step is a compare-and-set on the version somebody saw, with its audit record and its outbox event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Engine, Index, text
from sqlmodel import Field, Session, SQLModel, col, select

from city.clock import Clock
from city.database import moment, transaction, word
from city.journal import record
from sensors.alarms import SENSORS, Place, places_of
from sensors.bulk import chunks
from sensors.duties import begin, step_as_seen
from sensors.errors import ChangedDutyError, MovedDutyError, NoReasonError, UnknownDutyError


class WorkOrderKind(StrEnum):
    """What is to be done."""

    REPAIR_SENSOR = "repair_sensor"


class WorkOrderState(StrEnum):
    """Where an order stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    DONE = "done"
    CANCELLED = "cancelled"


# From which states each may be reached; an order that is assigned can be given to somebody else.
FROM = {
    WorkOrderState.ASSIGNED: frozenset({WorkOrderState.OPEN, WorkOrderState.ASSIGNED}),
    WorkOrderState.DONE: frozenset({WorkOrderState.OPEN, WorkOrderState.ASSIGNED}),
    WorkOrderState.CANCELLED: frozenset({WorkOrderState.OPEN, WorkOrderState.ASSIGNED}),
}

_UNFINISHED = text("ended_at IS NULL")


class WorkOrder(SQLModel, table=True):
    """A job for somebody who goes there."""

    __tablename__ = "work_order"
    __table_args__ = (
        Index(
            "uq_work_order_unfinished",
            "kind",
            "subject",
            "cause",
            unique=True,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        ),
        Index("ix_work_order_opened_at", "opened_at", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: WorkOrderKind = Field(sa_column=word(WorkOrderKind))
    subject: str = Field(description="the object, kind/id: device/...")
    cause: str = Field(description="why, a code worded as work_order.<cause>")
    district_id: str | None = Field(default=None, foreign_key="district.id", index=True)
    point_id: str | None = Field(default=None, foreign_key="collection_point.id")
    bin_id: str | None = Field(default=None, foreign_key="bin.id")
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    state: WorkOrderState = Field(sa_column=word(WorkOrderState))
    version: int = Field(default=1, description="grows with every step; a step names the version it is about")
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    opened_at: datetime = Field(sa_column=moment())
    assigned_to: str | None = None
    recovered_at: datetime | None = Field(
        default=None, sa_column=moment(nullable=True), description="when the cause was gone, if somebody was on it then"
    )
    ended_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    ended_by: str | None = None
    note: str = Field(default="", description="what was done, or why it was not")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repair that should be done.

    Parameters
    ----------
    cause
        Why, one of `sensors.health.Fault` or ``offline``.
    evidence
        What was seen: numbers and readings.
    """

    device_id: str
    cause: str
    bin_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What the one order for it is found by."""
        return f"device/{self.device_id}", self.cause


def keep_repairs(
    session: Session, wanted: Iterable[Wanted], device_ids: Iterable[str], causes: Iterable[str], now: datetime
) -> list[WorkOrder]:
    """Open orders for what is wanted, renew the evidence of those there are, and close those nobody needs any more.

    Parameters
    ----------
    wanted
        Everything that is to be repaired at the devices.
    device_ids, causes
        Which devices were judged, and by which causes: orders for others are left as they are.

    Returns
    -------
    list of WorkOrder
        What was opened.
    """
    found = {one.key: one for one in wanted}
    judged = sorted(set(device_ids))
    by = sorted(set(causes))
    known: dict[tuple[str, str], WorkOrder] = {}
    for chunk in chunks(judged):
        query = select(WorkOrder).where(
            col(WorkOrder.device_id).in_(chunk),
            col(WorkOrder.cause).in_(by),
            col(WorkOrder.ended_at).is_(None),
        )
        known |= {(order.subject, order.cause): order for order in session.exec(query.order_by(col(WorkOrder.id)))}
    for key, order in known.items():
        if key not in found:
            _recovered(session, order, now)
        elif order.evidence != found[key].evidence:
            order.evidence = dict(found[key].evidence)
            order.recovered_at = None
    session.flush()
    return _open(session, [found[key] for key in sorted(found.keys() - known.keys())], now)


def step(
    engine: Engine,
    clock: Clock,
    *,
    order_id: int,
    version: int,
    to: WorkOrderState,
    actor: str,
    assigned_to: str | None = None,
    note: str = "",
) -> WorkOrder:
    """Assign an order, end it as done, or cancel it. Of many at once one counts.

    Parameters
    ----------
    assigned_to
        Who goes there; only with `WorkOrderState.ASSIGNED`.
    note
        What was done, or why it is cancelled; both must say it.

    Raises
    ------
    UnknownDutyError
        If there is no such order.
    NoReasonError
        If the note is missing.
    ChangedDutyError, MovedDutyError
        If it has changed since it was read, or has ended; nothing is changed.
    """
    if to is not WorkOrderState.ASSIGNED and not note.strip():
        raise NoReasonError("reason_missing")
    now = clock.now()
    with transaction(engine) as session:
        order = read_order(session, order_id)
        said = (order.state, order.assigned_to) if to is WorkOrderState.ASSIGNED else (order.state, order.ended_by)
        if said == (to, assigned_to if to is WorkOrderState.ASSIGNED else actor):
            return order
        values: dict[str, Any] = {"state": to, "note": note}
        if to is WorkOrderState.ASSIGNED:
            values["assigned_to"] = assigned_to
        else:
            values |= {"ended_at": now, "ended_by": actor}
        before = order.state
        if not step_as_seen(session, order, version, values, col(WorkOrder.state).in_(FROM[to])):
            if order.state not in FROM[to]:
                raise MovedDutyError("order_ended", order_id=order_id, who=order.ended_by or SENSORS)
            raise ChangedDutyError("order_changed", order_id=order_id, version=version, current=order.version)
        _tell(session, order, str(to), actor, now, reason=note, before=before)
        return order


def read_order(session: Session, order_id: int) -> WorkOrder:
    """Read an order as it stands.

    Raises
    ------
    UnknownDutyError
        If there is none of that number.
    """
    order = session.get(WorkOrder, order_id, populate_existing=True)
    if order is None:
        raise UnknownDutyError("unknown_order", order_id=order_id)
    return order


def _open(session: Session, wanted: list[Wanted], now: datetime) -> list[WorkOrder]:
    if not wanted:
        return []
    places = places_of(session, {one.bin_id for one in wanted if one.bin_id is not None})
    rows = [_row(one, places.get(one.bin_id or ""), now) for one in wanted]
    opened = begin(session, WorkOrder, rows, once=["kind", "subject", "cause"], while_=_UNFINISHED)
    for order in opened:
        _tell(session, order, "opened", SENSORS, now)
    return opened


def _row(wanted: Wanted, place: Place | None, now: datetime) -> dict[str, Any]:
    return {
        "kind": WorkOrderKind.REPAIR_SENSOR,
        "subject": f"device/{wanted.device_id}",
        "cause": wanted.cause,
        "district_id": place.district_id if place else None,
        "point_id": place.point_id if place else None,
        "bin_id": wanted.bin_id,
        "device_id": wanted.device_id,
        "state": WorkOrderState.OPEN,
        "version": 1,
        "evidence": dict(wanted.evidence),
        "opened_at": now,
        "note": "",
    }


def _recovered(session: Session, order: WorkOrder, now: datetime) -> None:
    """Cancel an order that nobody has taken; tell whoever has that the cause is gone."""
    cancelled = session.connection().execute(
        sa.update(WorkOrder)
        .where(col(WorkOrder.id) == order.id, col(WorkOrder.state) == WorkOrderState.OPEN)
        .values(
            state=WorkOrderState.CANCELLED,
            ended_at=now,
            ended_by=SENSORS,
            note="recovered",
            version=col(WorkOrder.version) + 1,
        )
    )
    session.refresh(order)
    if cancelled.rowcount == 1:
        _tell(
            session, order, str(WorkOrderState.CANCELLED), SENSORS, now, reason="recovered", before=WorkOrderState.OPEN
        )
    elif order.ended_at is None and order.recovered_at is None:
        order.recovered_at = now
        session.add(order)
        session.flush()
        _tell(session, order, "recovered", SENSORS, now, before=order.state)


def _tell(
    session: Session,
    order: WorkOrder,
    what: str,
    actor: str,
    now: datetime,
    *,
    reason: str = "",
    before: WorkOrderState | None = None,
) -> None:
    record(
        session,
        at=now,
        actor=actor,
        action=f"work_order.{what}",
        subject=f"work_order/{order.id}",
        district_id=order.district_id,
        reason=reason,
        before={} if before is None else {"state": before},
        after={
            "state": order.state,
            "kind": order.kind,
            "object": order.subject,
            "cause": order.cause,
            "assigned_to": order.assigned_to,
            "evidence": order.evidence,
        },
    )
