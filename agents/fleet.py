"""The fleet of a shift: trucks that have a crew, and the facilities where they may unload, with what is closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from agents.ground import Ground
from agents.windows import closed_times, open_windows, to_begin
from city.registry import Closure, ClosureKind, Crew, Facility, Truck
from city.streams import parse_streams
from routing.problem import TimeWindow

# What is kept free in a truck: single forecasts err by more, but over a trip of dozens of stops they even out, and what
# remains is that a whole day is wetter or busier than usual.
CAPACITY_RESERVE = 0.05


@dataclass(frozen=True, slots=True)
class Unloading:
    """A facility that is open to the shift, and when unloading may begin; no windows: at any time."""

    facility: Facility
    windows: tuple[TimeWindow, ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What drives in a shift, and where it unloads.

    Attributes
    ----------
    trucks
        Those with a crew in the shift, by id.
    depots
        Where they sleep, by id; a depot may be closed for unloading and still be a home.
    unloading
        Facilities that accept something and are open.
    closed
        Facilities that accept something and are closed throughout.
    """

    trucks: Sequence[Truck]
    depots: Mapping[str, Facility]
    unloading: Sequence[Unloading]
    closed: Sequence[Facility]


def read_fleet(session: Session, ground: Ground) -> Fleet:
    """Read the fleet of a district's shift. Facilities serve the whole city."""
    trucks = session.exec(
        select(Truck)
        .join(Crew, col(Crew.truck_id) == col(Truck.id))
        .where(
            Crew.district_id == ground.day.district_id,
            Crew.shift_id == ground.day.shift_id,
            col(Crew.active),
            col(Truck.active),
        )
        .distinct()
        .order_by(col(Truck.id))
    ).all()
    closures = session.exec(
        select(Closure).where(
            Closure.kind == ClosureKind.FACILITY, or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > ground.now)
        )
    )
    closed = closed_times(closures, ground.day.service_date, ground.zone, by=ground.day.ends_at)
    facilities = session.exec(select(Facility).where(col(Facility.active)).order_by(col(Facility.id))).all()
    unloading, shut = [], []
    for facility in facilities:
        if not facility.streams:
            continue
        spans = open_windows(facility.hours, closed.get(facility.id, ()), ground.within)
        windows = to_begin(spans, ground.within, 0)
        if windows is None:
            shut.append(facility)
        else:
            unloading.append(Unloading(facility, windows))
    homes = {truck.depot_id for truck in trucks}
    return Fleet(
        trucks=trucks,
        depots={facility.id: facility for facility in session.exec(select(Facility)) if facility.id in homes},
        unloading=unloading,
        closed=shut,
    )


def wanted(fleet: Fleet, streams: frozenset[str]) -> Fleet:
    """Leave out facilities that accept nothing of what is collected."""
    return Fleet(
        fleet.trucks,
        fleet.depots,
        [place for place in fleet.unloading if parse_streams(place.facility.streams) & streams],
        [facility for facility in fleet.closed if parse_streams(facility.streams) & streams],
    )
