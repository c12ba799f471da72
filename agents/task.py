"""The planning task: stops, trucks and facilities of a shift put on the streets as one routing problem."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from agents.fleet import CAPACITY_RESERVE, Fleet
from agents.ground import Ground
from agents.roads import CityRoads
from agents.stops import Candidate
from agents.summary import Note
from city.registry import Facility as RegisteredFacility
from city.registry import Truck as RegisteredTruck
from city.streams import parse_streams
from routing.problem import UNREACHABLE, Facility, Matrix, Problem, TimeWindow, Truck
from routing.roads import RoadGraph
from routing.snapping import SNAP_LIMIT_M

CENTS = 100


@dataclass(frozen=True, slots=True)
class Task:
    """A routing problem, and what could not be part of it.

    Attributes
    ----------
    off_network
        Ids of stops too far from any street that any truck may use.
    notes
        Trucks and facilities left out, in codes for the operator.
    """

    problem: Problem
    off_network: frozenset[str]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Everything that is somewhere, in the order of the matrices: depots, facilities, points.

    Attributes
    ----------
    row
        Row of each place by its kind and id.
    matrices, kind
        Travel by those graphs between which it makes a difference here, and which of them each graph's is: most
        limits of a city's streets are nowhere near a district.
    far
        Whether a place is too far from the streets of a graph. Shape (matrices, places).
    """

    row: dict[tuple[str, str], int]
    matrices: tuple[Matrix, ...]
    kind: tuple[int, ...]
    far: NDArray[np.bool_]


def build_task(
    ground: Ground, fleet: Fleet, candidates: Sequence[Candidate], roads: CityRoads, closed_ways: frozenset[int]
) -> Task:
    """Build the routing problem of a shift. Times are seconds of the service day, money is cents.

    A stop, facility or depot that no street comes near is left out and named; the rest is planned.

    Raises
    ------
    RoutingError
        If the city has no roads that the trucks can drive.
    """
    graphs, kinds = roads.graphs(fleet.trucks, closed_ways)
    places = _locate(fleet, candidates, graphs)
    kind_of = [places.kind[kind] for kind in kinds]
    notes = [Note(code="facility_closed", numbers={"facility": facility.name}) for facility in fleet.closed]
    trucks = []
    for truck, kind in zip(fleet.trucks, kind_of, strict=True):
        home = places.row["depot", truck.depot_id]
        if places.far[kind, home]:
            notes.append(Note(code="depot_off_network", numbers={"truck": truck.plate, "depot": truck.depot_id}))
        else:
            trucks.append(_truck(ground, truck, home, kind))
    facilities = []
    for unloading in fleet.unloading:
        row = places.row["facility", unloading.facility.id]
        if places.far[:, row].all():
            notes.append(Note(code="facility_off_network", numbers={"facility": unloading.facility.name}))
        else:
            facilities.append(_facility(unloading.facility, unloading.windows, row))
    stops, off_network = [], set()
    for candidate in candidates:
        row = places.row["point", candidate.point.id]
        if places.far[:, row].all():
            off_network.add(candidate.stop_id)
        else:
            stops.append(candidate.at(row))
    problem = Problem(stops=tuple(stops), facilities=tuple(facilities), trucks=tuple(trucks), matrices=places.matrices)
    return Task(problem, frozenset(off_network), tuple(notes))


def _locate(fleet: Fleet, candidates: Sequence[Candidate], graphs: Sequence[RoadGraph]) -> Places:
    where: dict[tuple[str, str], tuple[float, float]] = {}
    for depot in fleet.depots.values():
        where["depot", depot.id] = depot.lon, depot.lat
    for unloading in fleet.unloading:
        where["facility", unloading.facility.id] = unloading.facility.lon, unloading.facility.lat
    for candidate in candidates:
        where["point", candidate.point.id] = candidate.point.lon, candidate.point.lat
    lon, lat = np.array(list(where.values())).reshape(-1, 2).T
    matrices: list[Matrix] = []
    far: list[NDArray[np.bool_]] = []
    kinds: list[int] = []
    for graph in graphs:
        snaps = graph.snap(lon, lat)
        too_far = snaps.distance_m > SNAP_LIMIT_M
        matrix = without(graph.matrix(snaps), too_far)
        same = (kind for kind, known in enumerate(matrices) if _are_equal(matrix, known))
        kinds.append(next(same, len(matrices)))
        if kinds[-1] == len(matrices):
            matrices.append(matrix)
            far.append(too_far)
    rows = {place: row for row, place in enumerate(where)}
    return Places(rows, tuple(matrices), tuple(kinds), np.array(far).reshape(len(matrices), len(where)))


def _are_equal(one: Matrix, other: Matrix) -> bool:
    return np.array_equal(one.duration_s, other.duration_s) and np.array_equal(one.distance_m, other.distance_m)


def without(matrix: Matrix, far: NDArray[np.bool_]) -> Matrix:
    """Take away every way to and from places that a truck's streets do not come near."""
    if not far.any():
        return matrix
    duration_s, distance_m = matrix.duration_s.copy(), matrix.distance_m.copy()
    for values in (duration_s, distance_m):
        values[far, :] = values[:, far] = UNREACHABLE
        np.fill_diagonal(values, 0)
    return Matrix(duration_s, distance_m)


def _truck(ground: Ground, truck: RegisteredTruck, home: int, kind: int) -> Truck:
    return Truck(
        id=truck.id,
        start_location=home,
        end_location=home,
        streams=frozenset(stream.value for stream in parse_streams(truck.streams)),
        capacity_kg=floor(truck.capacity_kg * (1 - CAPACITY_RESERVE)),
        capacity_l=floor(truck.capacity_l * truck.compaction * (1 - CAPACITY_RESERVE)),
        shift=TimeWindow(*ground.within),
        max_duration_s=ground.day.max_duration_s,
        fixed_cents=round(truck.fixed_cost * CENTS),
        cents_per_km=round(truck.cost_per_km * CENTS),
        cents_per_h=round(truck.cost_per_h * CENTS),
        width_cm=truck.width_cm,
        height_cm=truck.height_cm,
        gross_weight_kg=truck.gross_weight_kg,
        profile=kind,
    )


def _facility(facility: RegisteredFacility, windows: tuple[TimeWindow, ...], row: int) -> Facility:
    return Facility(
        id=facility.id,
        location=row,
        streams=frozenset(stream.value for stream in parse_streams(facility.streams)),
        unloading_s=facility.unloading_s,
        windows=windows,
    )
