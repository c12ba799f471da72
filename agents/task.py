"""The planning task: stops, trucks and facilities of a shift put on the streets as one routing problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

from agents.fleet import CAPACITY_RESERVE, Fleet
from agents.ground import Ground
from agents.places import POINT, Place, Places, StreetLeftOut, locate
from agents.reasons import Exclusion
from agents.roads import CityRoads
from agents.shifts import ShiftDay
from agents.stops import Candidate
from agents.summary import Note
from agents.windows import both, to_begin
from city.registry import Facility as RegisteredFacility
from city.registry import Truck as RegisteredTruck
from city.streams import parse_streams
from routing.problem import Break, Facility, Problem, TimeWindow, Truck
from routing.shift_roads import Closing

CENTS = 100


@dataclass(frozen=True, slots=True)
class Task:
    """A routing problem, and what could not be part of it.

    Attributes
    ----------
    excluded
        Stops that are too far from any street that any truck may use, or whose street is closed throughout, by id.
    left_out
        The street that would be near a stop that is too far from the others, by stop id.
    notes
        Trucks, facilities and closures left out, in codes for the operator.
    """

    problem: Problem
    excluded: Mapping[str, Exclusion]
    left_out: Mapping[str, StreetLeftOut]
    notes: tuple[Note, ...]


def build_task(
    ground: Ground, fleet: Fleet, candidates: Sequence[Candidate], roads: CityRoads, closures: Sequence[Closing]
) -> Task:
    """Build the routing problem of a shift. Times are seconds of the service day, money is cents.

    A stop, facility or depot that no street comes near, or whose street is closed for all that is left of the shift, is
    left out and named; one whose street is closed for part of it is served or used in the rest.

    Raises
    ------
    RoutingError
        If the city has no roads that the trucks can drive.
    """
    driven = roads.during(fleet.trucks, ground.streets_when, closures)
    places = locate(_where(fleet, candidates), driven.roads)
    notes = [Note(code="facility_closed", numbers={"facility": facility.name}) for facility in fleet.closed]
    notes += [Note(code="truck_in_repair", numbers={"truck": truck.plate}) for truck in fleet.in_repair]
    notes += [Note(code="closed_way_unknown", numbers={"way": way}) for way in driven.unknown_ways]
    trucks = []
    for truck, kind in zip(fleet.trucks, [places.kind[kind] for kind in driven.kind], strict=True):
        home = places.row["depot", truck.depot_id]
        hindered = "off_network" if places.far[kind, home] else "" if places.open_at[home] else "street_closed"
        if hindered:
            named = {"truck": truck.plate, "depot": truck.depot_id}
            notes.append(Note(code=f"depot_{hindered}", numbers=named))
        else:
            trucks.append(_truck(ground, truck, home, kind, fleet))
    facilities = []
    for unloading in fleet.unloading:
        facility, row = unloading.facility, places.row["facility", unloading.facility.id]
        windows = _windows(ground, places, row, unloading.windows, facility.unloading_s)
        if isinstance(windows, Exclusion):
            notes.append(Note(code=f"facility_{windows}", numbers={"facility": facility.name}))
        else:
            facilities.append(_facility(facility, windows, row))
    stops, excluded, left_out = [], {}, {}
    for candidate in candidates:
        row = places.row[POINT, candidate.point.id]
        windows = _windows(ground, places, row, candidate.windows, candidate.service_s)
        if isinstance(windows, Exclusion):
            excluded[candidate.stop_id] = windows
            if row in places.left_out:
                left_out[candidate.stop_id] = places.left_out[row]
        else:
            stops.append(replace(candidate, windows=windows).at(row))
    problem = Problem(stops=tuple(stops), facilities=tuple(facilities), trucks=tuple(trucks), matrices=places.matrices)
    return Task(problem, excluded, left_out, tuple(notes))


def _windows(
    ground: Ground, places: Places, row: int, windows: tuple[TimeWindow, ...], lasting_s: int
) -> tuple[TimeWindow, ...] | Exclusion:
    """Return when something that lasts so long may begin at a place: in its windows, while its street is open."""
    if places.far[:, row].all():
        return Exclusion.OFF_NETWORK
    by_street = to_begin(places.open_at[row], ground.within, lasting_s)
    found = None if by_street is None else both(windows, by_street)
    return Exclusion.STREET_CLOSED if found is None else found


def _where(fleet: Fleet, candidates: Sequence[Candidate]) -> dict[Place, tuple[float, float]]:
    where: dict[Place, tuple[float, float]] = {}
    for depot in fleet.depots.values():
        where["depot", depot.id] = depot.lon, depot.lat
    for unloading in fleet.unloading:
        where["facility", unloading.facility.id] = unloading.facility.lon, unloading.facility.lat
    for candidate in candidates:
        where[POINT, candidate.point.id] = candidate.point.lon, candidate.point.lat
    return where


def _truck(ground: Ground, truck: RegisteredTruck, home: int, kind: int, fleet: Fleet) -> Truck:
    within = fleet.hours.get(truck.id, ground.within)
    certificates = fleet.certificates.get(truck.id, frozenset())
    return Truck(
        id=truck.id,
        start_location=home,
        end_location=home,
        streams=frozenset(stream.value for stream in parse_streams(truck.streams)),
        capacity_kg=floor(truck.capacity_kg * (1 - CAPACITY_RESERVE)),
        capacity_l=floor(truck.capacity_l * truck.compaction * (1 - CAPACITY_RESERVE)),
        shift=TimeWindow(*within),
        max_duration_s=ground.day.max_duration_s,
        max_overtime_s=ground.day.max_overtime_s,
        overtime_cents_per_h=round(truck.overtime_cost_per_h * CENTS),
        breaks=_breaks(ground.day),
        certificates=certificates,
        fixed_cents=round(truck.fixed_cost * CENTS),
        cents_per_km=round(truck.cost_per_km * CENTS),
        cents_per_h=round(truck.cost_per_h * CENTS),
        width_cm=truck.width_cm,
        height_cm=truck.height_cm,
        gross_weight_kg=truck.gross_weight_kg,
        profile=kind,
    )


def _breaks(day: ShiftDay) -> tuple[Break, ...]:
    return () if day.break_within is None else (Break(TimeWindow(*day.break_within), day.break_s),)


def _facility(facility: RegisteredFacility, windows: tuple[TimeWindow, ...], row: int) -> Facility:
    return Facility(
        id=facility.id,
        location=row,
        streams=frozenset(stream.value for stream in parse_streams(facility.streams)),
        unloading_s=facility.unloading_s,
        windows=windows,
    )
