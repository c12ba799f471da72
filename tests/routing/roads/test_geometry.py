"""A plan as GeoJSON: a line for every leg, a point for every visit, as far and as long as the plan says."""

import itertools
import json

import numpy as np
import pytest

from routing.errors import RoutingError
from routing.geometry import Located, plan_geojson
from routing.plan import Cost, Plan, Route
from routing.problem import Facility, Problem, Stop, TimeWindow, Truck
from routing.roads import RoadGraph
from routing.schedule import schedule
from tests.routing.roads.drawing import Street, draw
from tests.routing.roads.random_city import snap


def avenue() -> RoadGraph:
    return RoadGraph.build(draw([(0, 0), (100, 0), (200, 0)], [Street(0, 1, name="Hafenstraße"), Street(1, 2)]))


def collected(graph: RoadGraph) -> tuple[Problem, Plan, Located]:
    located = Located(graph, snap(graph, (0, 3), (50, 3), (150, -3), (200, 3)))
    shift = TimeWindow(6 * 3600, 14 * 3600)
    problem = Problem(
        stops=(Stop("p1/dry", 1, "dry", 100, 500, 60), Stop("p2/dry", 2, "dry", 100, 500, 60)),
        facilities=(Facility("plant", 3, frozenset({"dry"}), 600),),
        trucks=(Truck("t1", 0, 0, frozenset({"dry"}), 5_000, 20_000, shift, 8 * 3600),),
        matrices=(graph.matrix(located.snaps),),
    )
    route = schedule(problem, problem.trucks[0], (*problem.stops, problem.facilities[0]))
    assert isinstance(route, Route)
    return problem, Plan((route,), (), Cost()), located


def test_a_plan_is_drawn_leg_by_leg_and_visit_by_visit() -> None:
    problem, plan, located = collected(avenue())
    drawn = json.loads(json.dumps(plan_geojson(problem, plan, [located]), allow_nan=False))
    assert drawn["type"] == "FeatureCollection"
    legs = [feature for feature in drawn["features"] if feature["geometry"]["type"] == "LineString"]
    visits = [feature for feature in drawn["features"] if feature["geometry"]["type"] == "Point"]
    assert [leg["properties"]["to"] for leg in legs] == ["p1/dry", "p2/dry", "plant", ""]
    assert [leg["properties"]["trip"] for leg in legs] == [1, 1, 1, 2]
    assert [visit["properties"]["kind"] for visit in visits] == ["start", "stop", "stop", "unload", "end"]
    route = plan.routes[0]
    assert sum(leg["properties"]["distance_m"] for leg in legs) == route.distance_m
    for leg, before, after in zip(legs, route.visits[:-1], route.visits[1:], strict=True):
        assert leg["properties"]["departure_s"] == before.departure_s
        assert leg["properties"]["arrival_s"] == before.departure_s + leg["properties"]["duration_s"] == after.arrival_s
    assert legs[0]["properties"]["streets"] == ["Hafenstraße"]
    for leg, following in itertools.pairwise(legs):
        assert leg["geometry"]["coordinates"][-1] == following["geometry"]["coordinates"][0]


def test_coordinates_are_lon_lat_with_six_decimals() -> None:
    problem, plan, located = collected(avenue())
    for feature in plan_geojson(problem, plan, [located])["features"]:
        positions = np.array(feature["geometry"]["coordinates"]).reshape(-1, 2)
        assert len(positions) >= 2 or feature["geometry"]["type"] == "Point"
        assert (positions == positions.round(6)).all()
        # The avenue runs east along the equator.
        assert positions[:, 0].max() <= 0.0019
        assert np.abs(positions[:, 1]).max() <= 0.0001


def test_streets_that_do_not_fit_the_problem_are_refused() -> None:
    graph = avenue()
    problem, plan, _ = collected(graph)
    with pytest.raises(RoutingError, match="1 profiles, streets are given for 0"):
        plan_geojson(problem, plan, [])
    with pytest.raises(RoutingError, match="4 locations, of which 1 are snapped for profile 0"):
        plan_geojson(problem, plan, [Located(graph, snap(graph, (0, 0)))])
