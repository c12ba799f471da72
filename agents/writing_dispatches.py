"""Writing dispatches: a route of an approved plan becomes a row with its visits, for the crew of its truck."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlmodel import Session, col, select

from agents.dispatches import Dispatch, DispatchState, DispatchVisit
from agents.proposals import Proposal, Shown
from agents.stop_ids import parse_stop_id
from city.hours import service_moment
from city.journal import record
from city.registry import Crew, Truck
from city.store import zone_of
from routing.plan import Route, Visit, VisitKind

# Who the journal names.
PUBLISHER = "publisher"


@dataclass(frozen=True, slots=True)
class Writing:
    """What dispatches of a proposal are written with.

    Attributes
    ----------
    depots, crews
        Where trucks sleep, and who drives them in the shift, by truck id.
    """

    proposal: Proposal
    version: int
    zone: ZoneInfo
    depots: Mapping[str, str]
    crews: Mapping[str, str]

    def at(self, second: int) -> datetime:
        """Return the moment of a second of the service day."""
        return service_moment(self.proposal.service_date, second, self.zone)


def begin_writing(session: Session, shown: Shown) -> Writing:
    """Read what is needed to write the dispatches of a proposal."""
    proposal = shown.proposal
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
    return Writing(proposal, shown.version.version, zone_of(session), depots, crews)


def write_dispatches(session: Session, writing: Writing, routes: Iterable[Route], now: datetime) -> None:
    """Write the dispatches of all routes of a plan."""
    for number, route in enumerate(routes, start=1):
        write_dispatch(session, writing, route, f"d{writing.proposal.cycle_id}-{number}", route.distance_m, now)


def write_dispatch(
    session: Session, writing: Writing, route: Route, dispatch_id: str, distance_m: int, now: datetime
) -> Dispatch:
    """Write one dispatch with its visits and its journal entry."""
    proposal = writing.proposal
    dispatch = Dispatch(
        id=dispatch_id,
        proposal_id=proposal.id,
        proposal_version=writing.version,
        district_id=proposal.district_id,
        service_date=proposal.service_date,
        shift_id=proposal.shift_id,
        truck_id=route.truck_id,
        crew_id=writing.crews.get(route.truck_id),
        state=DispatchState.PUBLISHED,
        published_at=now,
        leaves_at=writing.at(route.visits[0].departure_s),
        returns_at=writing.at(route.visits[-1].arrival_s),
        distance_m=distance_m,
        duration_s=route.duration_s,
    )
    session.add(dispatch)
    session.flush()
    session.exec(
        insert(DispatchVisit),
        params=[
            {"dispatch_id": dispatch.id, "sequence": sequence} | columns_of(visit, writing, route.truck_id)
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
    return dispatch


def columns_of(visit: Visit, writing: Writing, truck_id: str) -> dict[str, object]:
    """Return a visit as columns: when, what is on board, and where."""
    when: dict[str, object] = {
        "kind": visit.kind.value,
        "arrives_at": writing.at(visit.arrival_s),
        "departs_at": writing.at(visit.departure_s),
        "load_kg": visit.load_kg,
        "load_l": visit.load_l,
    }
    return when | _place(visit, writing.depots[truck_id])


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
