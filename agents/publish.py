"""Publishing: an approved version becomes dispatches, once, whatever is retried, killed or asked for twice at the time.

The proposal moves from approved to published in the transaction that writes its dispatches, so that either both are
there or neither; a second attempt finds it published and answers with what is there.
"""

from datetime import datetime

from sqlalchemy import Engine, insert
from sqlmodel import Session, col, select

from agents.dispatches import Dispatch, DispatchState, DispatchVisit
from agents.errors import ConflictError
from agents.proposals import ProposalState, Shown, current, material_hash, move, read_proposal
from agents.said import said
from agents.shifts import shift_end
from agents.stop_ids import parse_stop_id
from city.clock import Clock
from city.database import transaction
from city.hours import service_moment
from city.journal import record
from city.registry import Crew, Truck
from city.store import zone_of
from routing.plan import Visit, VisitKind

# Who the journal names.
PUBLISHER = "publisher"


def publish(engine: Engine, clock: Clock, proposal_id: str) -> list[str]:
    """Make the dispatches of an approved proposal and return their ids; of a published one, return those it has.

    A proposal that must not go out any more is withdrawn instead, with the reason in the journal, and has none: when
    its shift is over, or when its plan is not the one that was approved.

    Raises
    ------
    NotFoundError
        If there is no such proposal.
    ConflictError
        If it is neither approved, published nor withdrawn: nobody has decided that it may go out.
    """
    with transaction(engine) as session:
        proposal = current(session, proposal_id, for_update=True)
        if proposal.state is ProposalState.APPROVED:
            _settle(session, read_proposal(session, proposal_id), clock.now())
        elif proposal.state not in (ProposalState.PUBLISHED, ProposalState.WITHDRAWN):
            raise ConflictError("not_approved", proposal_id=proposal_id, state=proposal.state.value)
        ids = session.exec(select(Dispatch.id).where(Dispatch.proposal_id == proposal_id))
        return sorted(ids)


def _settle(session: Session, shown: Shown, now: datetime) -> None:
    """Publish or withdraw an approved proposal whose row is locked."""
    hindrance = _hindrance(session, shown, now)
    move(
        session,
        proposal_id=shown.proposal.id,
        version=shown.version.version,
        state=ProposalState.APPROVED,
        to=ProposalState.WITHDRAWN if hindrance else ProposalState.PUBLISHED,
        at=now,
        actor=PUBLISHER,
        reason=said(f"withdrawn.{hindrance}", "en", {}) if hindrance else "",
        code=hindrance,
    )
    if hindrance is None:
        _write_dispatches(session, shown, now)


def _hindrance(session: Session, shown: Shown, now: datetime) -> str | None:
    """Return the code of ``withdrawn.*`` that says why it must not go out, or ``None``."""
    if material_hash(shown.plan) != shown.proposal.decided_hash:
        return "approval_does_not_cover_it"
    if now >= shift_end(session, shown.proposal.shift_id, shown.proposal.service_date):
        return "shift_is_over"
    return None


def _write_dispatches(session: Session, shown: Shown, now: datetime) -> None:
    proposal = shown.proposal
    zone = zone_of(session)

    def at(second: int) -> datetime:
        return service_moment(proposal.service_date, second, zone)

    trucks = [route.truck_id for route in shown.plan.routes]
    depots = dict(session.exec(select(Truck.id, Truck.depot_id).where(col(Truck.id).in_(trucks))).all())
    crews = dict(
        session.exec(
            select(Crew.truck_id, Crew.id)
            .where(
                Crew.district_id == proposal.district_id,
                Crew.shift_id == proposal.shift_id,
                col(Crew.truck_id).in_(trucks),
                col(Crew.active),
            )
            .order_by(col(Crew.id).desc())  # of two crews on one truck the first has it
        ).all()
    )
    for number, route in enumerate(shown.plan.routes, start=1):
        dispatch = Dispatch(
            id=f"d{proposal.cycle_id}-{number}",
            proposal_id=proposal.id,
            proposal_version=shown.version.version,
            district_id=proposal.district_id,
            service_date=proposal.service_date,
            shift_id=proposal.shift_id,
            truck_id=route.truck_id,
            crew_id=crews.get(route.truck_id),
            state=DispatchState.PUBLISHED,
            published_at=now,
            leaves_at=at(route.visits[0].departure_s),
            returns_at=at(route.visits[-1].arrival_s),
            distance_m=route.distance_m,
            duration_s=route.duration_s,
        )
        session.add(dispatch)
        session.flush()
        session.exec(
            insert(DispatchVisit),
            params=[
                {
                    "dispatch_id": dispatch.id,
                    "sequence": sequence,
                    "kind": visit.kind.value,
                    "arrives_at": at(visit.arrival_s),
                    "departs_at": at(visit.departure_s),
                    "load_kg": visit.load_kg,
                    "load_l": visit.load_l,
                    **_place(visit, depots[route.truck_id]),
                }
                for sequence, visit in enumerate(route.visits)
            ],
        )
        record(
            session,
            at=now,
            actor=PUBLISHER,
            action="dispatch.published",
            subject=f"dispatch/{dispatch.id}",
            district_id=proposal.district_id,
            after={"proposal_id": proposal.id, "truck_id": route.truck_id, "stops": len(route.stop_ids)},
        )


def _place(visit: Visit, depot_id: str) -> dict[str, object]:
    """Columns that say where a visit is: at a stop, at a facility, at home, or wherever the truck stands."""
    place: dict[str, object] = {"stop_id": None, "point_id": None, "stream": None, "facility_id": None}
    match visit.kind:
        case VisitKind.STOP:
            point_id, stream = parse_stop_id(visit.subject_id)
            return place | {"stop_id": visit.subject_id, "point_id": point_id, "stream": stream}
        case VisitKind.UNLOAD:
            return place | {"facility_id": visit.subject_id}
        case VisitKind.START | VisitKind.END:
            return place | {"facility_id": depot_id}
        case VisitKind.BREAK:
            return place
