"""Records: what became of a stop of a dispatch. One transaction moves dispatch, bins and journal together.

Phones repeat what they are not sure has arrived. The same record again gets the same answer and changes nothing; one
that says otherwise is refused. A crew without signal may serve a stop that was given to another truck meanwhile: that
stays done, and the other crew is told.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, update
from sqlmodel import Session, col, select

from agents.calling_off import call_off
from agents.day_events import Details, EventKind, note_event
from agents.dispatcher import PERSON_DECIDES
from agents.dispatches import OVER, Dispatch, DispatchState, DispatchVisit, WithdrawnVisit, read_dispatch
from agents.errors import ConflictError, NotFoundError, RefusedError
from agents.shifts import shift_day, shift_end
from city.clock import CLOCK_TOLERANCE, Clock
from city.database import transaction
from city.journal import record
from routing.plan import VisitKind
from sensors import service
from sensors.service import CouldNotReason, ServiceOutcome, ServiceRecord


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of a stop after a record.

    Attributes
    ----------
    repeated
        It was known already, in the same words.
    dispatch_state
        Where the dispatch stands now.
    """

    record: ServiceRecord
    repeated: bool
    dispatch_state: DispatchState


def record_service(
    engine: Engine,
    clock: Clock,
    *,
    dispatch_id: str,
    stop_id: str,
    outcome: ServiceOutcome,
    actor: str,
    at: datetime | None = None,
    reason: CouldNotReason | None = None,
    weight_kg: float | None = None,
    bin_count: int | None = None,
    note: str = "",
) -> Recorded:
    """Record that a stop was served, or could not be.

    Parameters
    ----------
    at
        When it happened, by the crew's device; ``None``: now. Records of a dead spot arrive late.
    reason
        Why it could not be served; then, and only then, it must be given.

    Raises
    ------
    NotFoundError
        If there is no such dispatch, or it has no such stop and never had.
    ConflictError
        If the stop has been recorded with another outcome, reason, weight, count, note or time.
    RefusedError
        If a reason is missing or does not fit, a weight or count is negative, or the time is in the future or before
        the dispatch was sent out.
    """
    if not actor.strip():
        raise RefusedError("actor_missing", subject=dispatch_id)
    now = clock.now()
    with transaction(engine) as session:
        dispatch = session.exec(select(Dispatch).where(Dispatch.id == dispatch_id).with_for_update()).one_or_none()
        if dispatch is None:
            raise NotFoundError("unknown_dispatch", dispatch_id=dispatch_id)
        visit = session.exec(
            select(DispatchVisit).where(DispatchVisit.dispatch_id == dispatch_id, DispatchVisit.stop_id == stop_id)
        ).one_or_none()
        withdrawn = session.get(WithdrawnVisit, (dispatch_id, stop_id)) if visit is None else None
        place = visit or withdrawn
        if place is None or place.point_id is None or place.stream is None:
            raise NotFoundError("not_on_dispatch", dispatch_id=dispatch_id, stop_id=stop_id)
        said = ServiceRecord(
            point_id=place.point_id,
            stream=place.stream,
            dispatch_id=dispatch_id,
            stop_id=stop_id,
            at=now if at is None else at,
            outcome=outcome,
            reason=reason,
            note=note,
            weight_kg=weight_kg,
            bin_count=bin_count,
            actor=actor,
        )
        _must_make_sense(said, dispatch, now)
        known = service.known_record(session, dispatch_id, stop_id)
        if known is not None:
            if at is None:
                said.at = known.at  # a record that names no time, sent again, means the same visit
            if service.contradictions(known, said):
                raise ConflictError(
                    "record_contradicts",
                    dispatch_id=dispatch_id,
                    stop_id=stop_id,
                    outcome=known.outcome.value,
                    actor=known.actor,
                )
            return Recorded(known, repeated=True, dispatch_state=dispatch.state)
        service.record_service(session, said, now)
        record(
            session,
            at=now,
            actor=actor,
            action="service.recorded",
            subject=f"dispatch/{dispatch_id}",
            district_id=dispatch.district_id,
            reason=note,
            after={"stop_id": stop_id, "outcome": outcome, "reason": reason, "at": said.at.isoformat()},
        )
        if outcome is ServiceOutcome.DONE:
            call_off(session, dispatch, said, now, actor)
        elif visit is not None:
            _ask_for_another(session, dispatch, said, now)
        _move_on(session, dispatch, now, actor)
        return Recorded(said, repeated=False, dispatch_state=read_dispatch(session, dispatch_id).state)


def _ask_for_another(session: Session, dispatch: Dispatch, said: ServiceRecord, now: datetime) -> None:
    """Let another truck be found for a stop that could not be served, unless it is for people to decide."""
    if said.reason in PERSON_DECIDES or now >= shift_end(session, dispatch.shift_id, dispatch.service_date):
        return
    note_event(
        session,
        shift_day(session, dispatch.district_id, dispatch.service_date, dispatch.shift_id),
        EventKind.STOP_MISSED,
        str(said.stop_id),
        cause=f"missed/{dispatch.id}/{said.stop_id}",
        happened_at=said.at,
        noticed_at=now,
        actor=said.actor,
        details=Details(truck_id=dispatch.truck_id, note=said.note),
    )


def _must_make_sense(said: ServiceRecord, dispatch: Dispatch, now: datetime) -> None:
    if said.outcome is ServiceOutcome.COULD_NOT and said.reason is None:
        raise RefusedError("record_reason_missing", stop_id=said.stop_id)
    if said.outcome is ServiceOutcome.DONE and said.reason is not None:
        raise RefusedError("record_reason_unwanted", stop_id=said.stop_id)
    if (said.weight_kg or 0) < 0 or (said.bin_count or 0) < 0:
        raise RefusedError("record_negative", stop_id=said.stop_id)
    if said.at > now + CLOCK_TOLERANCE:
        raise RefusedError("record_in_future", stop_id=said.stop_id, at=said.at.isoformat())
    if said.at < dispatch.published_at - CLOCK_TOLERANCE:
        raise RefusedError(
            "record_before_dispatch",
            stop_id=said.stop_id,
            at=said.at.isoformat(),
            published=dispatch.published_at.isoformat(),
        )


def _move_on(session: Session, dispatch: Dispatch, now: datetime, actor: str) -> None:
    """Derive where a dispatch stands from how many of its stops are recorded. One that is stopped stays so."""
    if dispatch.state in OVER:
        return
    recorded = select(ServiceRecord.stop_id).where(ServiceRecord.dispatch_id == dispatch.id)
    ahead = session.exec(
        select(func.count())
        .select_from(DispatchVisit)
        .where(
            DispatchVisit.dispatch_id == dispatch.id,
            DispatchVisit.kind == VisitKind.STOP.value,
            col(DispatchVisit.stop_id).not_in(recorded),
        )
    ).one()
    if dispatch.state is DispatchState.PUBLISHED:
        _move(session, dispatch, DispatchState.STARTED, now, actor)
    if ahead == 0:
        _move(session, dispatch, DispatchState.FINISHED, now, actor)


def _move(session: Session, dispatch: Dispatch, to: DispatchState, now: datetime, actor: str) -> None:
    before = dispatch.state
    moved = session.exec(
        update(Dispatch).where(col(Dispatch.id) == dispatch.id, col(Dispatch.state) == before).values(state=to)
    )
    if moved.rowcount != 1:
        raise ConflictError("dispatch_moved", dispatch_id=dispatch.id)
    session.refresh(dispatch)
    record(
        session,
        at=now,
        actor=actor,
        action=f"dispatch.{to}",
        subject=f"dispatch/{dispatch.id}",
        district_id=dispatch.district_id,
        before={"state": before},
        after={"state": to},
    )
