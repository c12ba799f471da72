"""A proposal on the map: the streets its trucks would drive, drawn from the problem that was solved."""

from typing import Any

import numpy as np
from sqlmodel import Session, col, select

from agents.editing import Desk
from agents.errors import ConflictError
from agents.proposals import Shown
from agents.roads import closed_ways
from agents.shifts import zone_of
from agents.stop_ids import parse_stop_id
from city.hours import parse_hours, service_moment
from city.registry import CollectionPoint, Facility, Shift, Truck
from routing.errors import RoutingError
from routing.geometry import Located, plan_geojson
from routing.problem import Problem


def map_of(desk: Desk, session: Session, shown: Shown) -> dict[str, Any]:
    """Draw a proposal's routes as a GeoJSON FeatureCollection, along the streets as they are now.

    Raises
    ------
    ConflictError
        ``no_way_now`` if roads or places have changed so that a leg of the plan cannot be driven any more.
    """
    problem = desk.problems.read(session, shown.version.problem_hash)
    lon, lat = _locations(session, problem)
    zone, proposal = zone_of(session), shown.proposal
    span = parse_hours(session.get_one(Shift, proposal.shift_id).hours)[0]
    closed = closed_ways(session, *(service_moment(proposal.service_date, second, zone) for second in span))
    of_profile = {truck.profile: truck.id for truck in reversed(problem.trucks)}
    trucks = [session.get_one(Truck, of_profile[profile]) for profile in sorted(of_profile)]
    try:
        graphs, kind_of = desk.roads.graphs(trucks, closed)
        by_profile = [Located(graphs[kind], graphs[kind].snap(lon, lat)) for kind in kind_of]
        return plan_geojson(problem, shown.plan, by_profile)
    except RoutingError as error:
        raise ConflictError("no_way_now", proposal_id=proposal.id) from error


def _locations(session: Session, problem: Problem) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Find where the problem's locations are. Rows that nothing in it stands at share the place of another."""
    points = {parse_stop_id(stop.id)[0]: stop.location for stop in problem.stops}
    depot_of = dict(session.exec(select(Truck.id, Truck.depot_id)).all())
    facilities = {facility.id: facility.location for facility in problem.facilities}
    depots = {depot_of[truck.id]: truck.start_location for truck in problem.trucks}
    place: dict[int, tuple[float, float]] = {}
    for table, rows in ((CollectionPoint, points), (Facility, facilities), (Facility, depots)):
        found = session.exec(select(table.id, table.lon, table.lat).where(col(table.id).in_(rows)))
        place |= {rows[name]: (lon, lat) for name, lon, lat in found}
    anywhere = next(iter(place.values()))
    located = np.array([place.get(row, anywhere) for row in range(len(problem.matrices[0]))])
    return located[:, 0], located[:, 1]
