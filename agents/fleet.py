"""The fleet of a shift: trucks that have a crew, and the facilities where they may unload, with what is closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session, col, or_, select

from agents.ground import Ground
from agents.windows import closed_times, open_windows, to_begin
from city.hours import Span
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
    hours
        When trucks can be used that are in repair for some of the shift, by id.
    in_repair
        Those that are for all of it.
    certificates
        What the crews of trucks are certified for, by truck id.
    """

    trucks: Sequence[Truck]
    depots: Mapping[str, Facility]
    unloading: Sequence[Unloading]
    closed: Sequence[Facility]
    hours: Mapping[str, Span] = field(default_factory=dict)
    in_repair: Sequence[Truck] = ()
    certificates: Mapping[str, frozenset[str]] = field(default_factory=dict)


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
            col(Closure.kind).in_((ClosureKind.FACILITY, ClosureKind.TRUCK)),
            or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > ground.now),
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
    hours = {truck.id: _longest(open_windows("", closed.get(truck.id, ()), ground.within)) for truck in trucks}
    driving = [truck for truck in trucks if hours[truck.id] is not None]
    homes = {truck.depot_id for truck in trucks}
    return Fleet(
        trucks=driving,
        depots={facility.id: facility for facility in session.exec(select(Facility)) if facility.id in homes},
        unloading=unloading,
        closed=shut,
        hours={truck_id: span for truck_id, span in hours.items() if span is not None and span != ground.within},
        certificates=_certificates(session, ground),
        in_repair=[truck for truck in trucks if hours[truck.id] is None],
    )


def _certificates(session: Session, ground: Ground) -> dict[str, frozenset[str]]:
    """Return what the crew of each truck is certified for; of several crews on one truck, what all of them are."""
    crews = session.exec(
        select(Crew.truck_id, Crew.certificates).where(
            Crew.district_id == ground.day.district_id, Crew.shift_id == ground.day.shift_id, col(Crew.active)
        )
    )
    found: dict[str, frozenset[str]] = {}
    for truck_id, text in crews:
        named = frozenset(filter(None, (name.strip() for name in text.split(","))))
        found[truck_id] = found[truck_id] & named if truck_id in found else named
    return found


def _longest(spans: Sequence[Span]) -> Span | None:
    """Return the longest of several times; a truck in repair in between is used before or after it."""
    return max(spans, key=lambda span: span.end_s - span.start_s, default=None)


def wanted(fleet: Fleet, streams: frozenset[str]) -> Fleet:
    """Leave out facilities that accept nothing of what is collected."""
    return replace(
        fleet,
        unloading=[place for place in fleet.unloading if parse_streams(place.facility.streams) & streams],
        closed=[facility for facility in fleet.closed if parse_streams(facility.streams) & streams],
    )
