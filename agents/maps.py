"""A proposal on the map: the streets its trucks would drive, drawn from the problem that was solved."""

from typing import Any

from sqlmodel import Session

from agents.editing import Desk
from agents.errors import ConflictError
from agents.proposals import Shown
from agents.roads import road_closures, shift_time
from agents.shifts import shift_span
from agents.whereabouts import coordinates, roads_of
from city.store import zone_of
from routing.errors import RoutingError
from routing.geometry import plan_geojson


def map_of(desk: Desk, session: Session, shown: Shown) -> dict[str, Any]:
    """Draw a proposal's routes as a GeoJSON FeatureCollection, along the streets as they are now.

    Raises
    ------
    NotFoundError
        If the problem is not stored any more.
    ConflictError
        ``no_way_now`` if roads or places have changed so that a leg of the plan cannot be driven any more.
    """
    problem = desk.problems.read(session, shown.version.problem_hash)
    proposal = shown.proposal
    zone = zone_of(session)
    span = shift_span(session, proposal.shift_id)
    when = shift_time(proposal.service_date, span, zone, proposal.expires_at)
    where = coordinates(session, problem)
    try:
        by_profile = roads_of(session, desk.roads, problem, when, road_closures(session, zone, when))
        anyone = next(iter(by_profile.values()))  # a profile that no truck drives by has nothing to draw
        drawn_by = [by_profile.get(profile, anyone) for profile in range(len(problem.matrices))]
        return plan_geojson(problem, shown.plan, [roads.locate(*where) for roads in drawn_by])
    except RoutingError as error:
        raise ConflictError("no_way_now", proposal_id=proposal.id) from error
