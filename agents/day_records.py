"""What the crews of a shift have recorded so far, as the plan in force is brought up to date by it."""

from collections import defaultdict
from datetime import date, datetime

from sqlmodel import Session, col, select

from agents.dispatches import Dispatch
from agents.progress import Records, Told
from city.hours import service_second
from city.store import zone_of
from sensors.service import ServiceOutcome, ServiceRecord


def dispatches_of(
    session: Session, district_id: str, service_date: date, shift_id: str, *, for_update: bool = False
) -> dict[str, Dispatch]:
    """Return the dispatches of a shift by truck id, and if asked keep others from changing them meanwhile."""
    query = (
        select(Dispatch)
        .where(
            Dispatch.district_id == district_id, Dispatch.service_date == service_date, Dispatch.shift_id == shift_id
        )
        .order_by(col(Dispatch.id))
    )
    rows = session.exec(
        query.with_for_update() if for_update else query, execution_options={"populate_existing": for_update}
    )
    return {dispatch.truck_id: dispatch for dispatch in rows}


def records_of(session: Session, dispatches: dict[str, Dispatch]) -> Records:
    """Return what was recorded of the stops of dispatches, by truck id and stop id."""
    truck_of = {dispatch.id: dispatch.truck_id for dispatch in dispatches.values()}
    service_date = next((dispatch.service_date for dispatch in dispatches.values()), None)
    if service_date is None:
        return {}
    zone = zone_of(session)
    found: dict[str, dict[str, Told]] = defaultdict(dict)
    rows = session.exec(
        select(ServiceRecord.dispatch_id, ServiceRecord.stop_id, ServiceRecord.at, ServiceRecord.outcome).where(
            col(ServiceRecord.dispatch_id).in_(truck_of)
        )
    )
    for dispatch_id, stop_id, at, outcome in rows:
        if dispatch_id is not None and stop_id is not None:
            told = Told(service_second(service_date, at, zone), ServiceOutcome(outcome))
            found[truck_of[dispatch_id]][stop_id] = told
    return dict(found)


def last_told(session: Session, dispatch_id: str) -> datetime | None:
    """Return when a crew last recorded anything, by the time at which it happened."""
    return session.exec(
        select(ServiceRecord.at)
        .where(ServiceRecord.dispatch_id == dispatch_id)
        .order_by(col(ServiceRecord.at).desc())
        .limit(1)
    ).first()
