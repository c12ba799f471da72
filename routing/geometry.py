"""A plan on the map: the streets that trucks drive and the places they serve, as GeoJSON (RFC 7946)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from city.lines import COORDINATE_DECIMALS
from routing.errors import RoutingError
from routing.plan import Plan, Route, Visit, VisitKind
from routing.problem import Problem, Truck
from routing.roads import RoadGraph
from routing.snapping import Snaps
from routing.standing import locations
from routing.ways import Way


class Located(NamedTuple):
    """The streets of one truck profile, and all locations of a problem put on them, in order."""

    graph: RoadGraph
    snaps: Snaps

    def ways(self, pairs: Sequence[tuple[int, int]]) -> list[Way]:
        """Return the ways between some pairs of locations."""
        return self.graph.ways(self.snaps, pairs)


class OnStreets(Protocol):
    """All locations of a problem on the streets of one truck profile: `Located`, or `ShiftPlaces`."""

    @property
    def snaps(self) -> Snaps:
        """Where they are."""

    def ways(self, pairs: Sequence[tuple[int, int]]) -> list[Way]:
        """Return the ways between some pairs of locations."""


def plan_geojson(problem: Problem, plan: Plan, by_profile: Sequence[OnStreets]) -> dict[str, Any]:
    """Draw a plan as a FeatureCollection.

    A LineString for every leg, with truck, place in the route, trip, from where to where, times, length and streets; a
    Point for every visit, with what happens there and when. Times are those of the plan, seconds of the service day.

    Parameters
    ----------
    problem, plan
        A problem and a plan that `verify` accepts for it.
    by_profile
        For each profile of the problem, in order, the problem's locations on its streets.

    Raises
    ------
    RoutingError
        If a profile is missing, has other locations than the problem, or a leg has no way.
    """
    if len(by_profile) != len(problem.matrices):
        raise RoutingError(f"the problem has {len(problem.matrices)} profiles, streets are given for {len(by_profile)}")
    for profile, located in enumerate(by_profile):
        if len(located.snaps) != len(problem.matrices[profile]):
            raise RoutingError(
                f"the problem has {len(problem.matrices[profile])} locations, of which {len(located.snaps)} are "
                f"snapped for profile {profile}"
            )
    features: list[dict[str, Any]] = []
    for route in plan.routes:
        truck = problem.truck_by_id[route.truck_id]
        features += _route_features(problem, route, truck, by_profile[truck.profile])
    return {"type": "FeatureCollection", "features": features}


def _route_features(problem: Problem, route: Route, truck: Truck, located: OnStreets) -> Iterator[dict[str, Any]]:
    at = locations(problem, truck, route.visits)
    ways = located.ways(list(pairwise(at)))
    trip = 1
    for sequence, ((before, after), way) in enumerate(zip(pairwise(route.visits), ways, strict=True)):
        properties = {"sequence": sequence, "trip": trip, "from": before.subject_id, "to": after.subject_id}
        yield _feature("LineString", _positions(way.lon, way.lat), "leg", truck, properties | _leg(before, after, way))
        trip += after.kind is VisitKind.UNLOAD
    for sequence, (location, visit) in enumerate(zip(at, route.visits, strict=True)):
        position = _positions(located.snaps.lon[[location]], located.snaps.lat[[location]])[0]
        yield _feature("Point", position, visit.kind.value, truck, {"sequence": sequence} | _visit(visit))


def _leg(before: Visit, after: Visit, way: Way) -> dict[str, Any]:
    return {
        "departure_s": before.departure_s,
        "arrival_s": after.arrival_s,
        "distance_m": way.distance_m,
        "duration_s": way.duration_s,
        "streets": list(way.street_names),
    }


def _visit(visit: Visit) -> dict[str, Any]:
    return {
        "subject": visit.subject_id,
        "arrival_s": visit.arrival_s,
        "start_s": visit.start_s,
        "departure_s": visit.departure_s,
        "load_kg": visit.load_kg,
        "load_l": visit.load_l,
    }


def _feature(shape: str, coordinates: Any, kind: str, truck: Truck, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {"type": shape, "coordinates": coordinates},
        "properties": {"kind": kind, "truck": truck.id} | properties,
    }


def _positions(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[list[float]]:
    positions: list[list[float]] = np.round(np.stack([lon, lat], axis=1), COORDINATE_DECIMALS).tolist()
    return positions
