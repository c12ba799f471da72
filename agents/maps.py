"""A proposal on the map: the streets its trucks would drive, drawn from the problem that was solved."""

from typing import Any

from sqlmodel import Session

from agents.editing import Desk
from agents.errors import ConflictError
from agents.proposals import Shown
from agents.roads import closed_ways
from agents.shifts import shift_end
from agents.whereabouts import coordinates, graphs_of
from routing.errors import RoutingError
from routing.geometry import Located, plan_geojson


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
    ends_at = shift_end(session, proposal.shift_id, proposal.service_date)
    lon, lat = coordinates(session, problem)
    try:
        graphs = graphs_of(session, desk.roads, problem, closed_ways(session, proposal.expires_at, ends_at))
        anyone = next(iter(graphs.values()))  # a profile that no truck drives by has nothing to draw
        drawn_by = [graphs.get(profile, anyone) for profile in range(len(problem.matrices))]
        return plan_geojson(problem, shown.plan, [Located(graph, graph.snap(lon, lat)) for graph in drawn_by])
    except RoutingError as error:
        raise ConflictError("no_way_now", proposal_id=proposal.id) from error
