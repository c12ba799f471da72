"""A stop that two trucks are sent to, since one crew did not know: who was there first is kept, the other is told."""

from datetime import datetime

from sqlmodel import Session, col, select

from agents.carrying_out import raise_version, withdraw
from agents.dispatches import Dispatch, DispatchVisit
from city.journal import record
from sensors.service import ServiceOutcome, ServiceRecord


def call_off(session: Session, dispatch: Dispatch, done: ServiceRecord, now: datetime, actor: str) -> None:
    """Take a stop that is done off every other dispatch of the shift, and tell of crews that both have been there."""
    for other, visit in _others(session, dispatch, str(done.stop_id)):
        stops = _stops(session, other.id)
        withdraw(session, other.id, visit, now, None)
        session.delete(visit)
        session.flush()
        after = [stop_id for stop_id in stops if stop_id != visit.stop_id]
        more = {"done_by": dispatch.id, "done_at": done.at.isoformat()}
        raise_version(session, other, stops, after, now=now, actor=actor, more=more)
    for other_record in _also_done(session, dispatch, str(done.stop_id)):
        first, second = sorted((done, other_record), key=lambda one: (one.at, str(one.dispatch_id)))
        record(
            session,
            at=now,
            actor=actor,
            action="service.conflict",
            subject=f"dispatch/{second.dispatch_id}",
            district_id=dispatch.district_id,
            after={
                "stop_id": done.stop_id,
                "emptied_by": first.dispatch_id,
                "emptied_at": first.at.isoformat(),
                "again_by": second.dispatch_id,
                "again_at": second.at.isoformat(),
            },
        )


def _others(session: Session, dispatch: Dispatch, stop_id: str) -> list[tuple[Dispatch, DispatchVisit]]:
    """Return the other dispatches of the shift on which a stop stands and is not recorded."""
    recorded = select(ServiceRecord.dispatch_id).where(
        ServiceRecord.stop_id == stop_id, col(ServiceRecord.dispatch_id).is_not(None)
    )
    rows = session.exec(
        select(Dispatch, DispatchVisit)
        .join(DispatchVisit, col(DispatchVisit.dispatch_id) == Dispatch.id)
        .where(
            DispatchVisit.stop_id == stop_id,
            Dispatch.id != dispatch.id,
            Dispatch.district_id == dispatch.district_id,
            Dispatch.service_date == dispatch.service_date,
            Dispatch.shift_id == dispatch.shift_id,
            col(Dispatch.id).not_in(recorded),
        )
        .order_by(col(Dispatch.id))
        .with_for_update()
    )
    return list(rows)


def _stops(session: Session, dispatch_id: str) -> list[str]:
    rows = session.exec(
        select(DispatchVisit.stop_id)
        .where(DispatchVisit.dispatch_id == dispatch_id, col(DispatchVisit.stop_id).is_not(None))
        .order_by(col(DispatchVisit.sequence))
    )
    return [stop_id for stop_id in rows if stop_id is not None]


def _also_done(session: Session, dispatch: Dispatch, stop_id: str) -> list[ServiceRecord]:
    """Return the records by which other crews of the shift have served a stop."""
    return list(
        session.exec(
            select(ServiceRecord)
            .join(Dispatch, col(Dispatch.id) == ServiceRecord.dispatch_id)
            .where(
                ServiceRecord.stop_id == stop_id,
                ServiceRecord.outcome == ServiceOutcome.DONE,
                Dispatch.id != dispatch.id,
                Dispatch.district_id == dispatch.district_id,
                Dispatch.service_date == dispatch.service_date,
                Dispatch.shift_id == dispatch.shift_id,
            )
        )
    )
