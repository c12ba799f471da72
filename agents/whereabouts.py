"""Where a stored routing problem takes place: its locations in degrees, and the streets its trucks drive by."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from agents.roads import CityRoads
from agents.stop_ids import parse_stop_id
from city.registry import CollectionPoint, Facility, Truck
from routing.problem import Problem
from routing.shift_roads import Closing, ShiftRoads, ShiftTime


class Where(NamedTuple):
    """The locations of a problem.

    Attributes
    ----------
    lon, lat
        WGS 84 degrees. Shape (locations,). A location that nothing in the problem stands at gets the place of another.
    at_kerb
        Which of them are served from the street: those of stops.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    at_kerb: NDArray[np.bool_]


def coordinates(session: Session, problem: Problem) -> Where:
    """Say where the locations of a problem are, from the registry."""
    points = {stop.location: parse_stop_id(stop.id)[0] for stop in problem.stops}
    places = {facility.location: facility.id for facility in problem.facilities}
    depots = dict(session.exec(select(Truck.id, Truck.depot_id).where(col(Truck.id).in_(problem.truck_by_id))).all())
    for truck in problem.trucks:
        places[truck.start_location] = places[truck.end_location] = depots[truck.id]
    where: dict[tuple[str, str], tuple[float, float]] = {}
    for row in session.exec(select(CollectionPoint).where(col(CollectionPoint.id).in_(points.values()))):
        where["point", row.id] = row.lon, row.lat
    for place in session.exec(select(Facility).where(col(Facility.id).in_(places.values()))):
        where["place", place.id] = place.lon, place.lat
    position = {location: where["point", name] for location, name in points.items()}
    position |= {location: where["place", name] for location, name in places.items()}
    anywhere = next(iter(position.values()))
    size = len(problem.matrices[0])
    lon, lat = np.array([position.get(location, anywhere) for location in range(size)]).T
    return Where(lon, lat, np.isin(np.arange(size), list(points)))


def roads_of(
    session: Session, roads: CityRoads, problem: Problem, when: ShiftTime, closures: Sequence[Closing]
) -> dict[int, ShiftRoads]:
    """Return the streets of each profile that a truck of the problem drives by, as they are during its shift."""
    rows = session.exec(select(Truck).where(col(Truck.id).in_(problem.truck_by_id)))
    trucks = {truck.id: truck for truck in rows}
    driven = roads.during([trucks[truck.id] for truck in problem.trucks], when, closures)
    return {truck.profile: driven.roads[kind] for truck, kind in zip(problem.trucks, driven.kind, strict=True)}
