"""What is hidden where a truck may leave a stop the way it did not come: a turn in the street that it has no room for.

    python benchmarks/sides.py ../shared/data/osm/heidelberg.test.osm.pbf

Tours over stops beside the streets of a quarter are planned twice: by a matrix that lets every stop be reached and left
in either direction, and by one that serves each from its own side. Each tour is then driven for real: its order stays,
every stop is left in the direction in which it was reached, and the best directions are chosen by dynamic programming.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from city.importing.osm import read_roads
from city.network import RoadClass
from routing.roads import RoadGraph
from routing.snapping import Snaps

Floats = NDArray[np.float64]

# How far stops lie from the middle of their street, metres (standard deviation).
ASIDE_M = 8.0
M_PER_DEG = 111_195.0


def stops_in_a_quarter(graph: RoadGraph, count: int, radius_m: float, seed: int) -> Snaps:
    """Put stops on either side of streets, longer ones more often, around the middle of the map."""
    rng = np.random.default_rng(seed)
    network = graph.network
    rows = np.unique(graph.streets.segment)
    rank = network.road_class[rows]
    rows = rows[(rank >= RoadClass.PRIMARY) & (rank <= RoadClass.SERVICE)]
    start, end = network.from_node[rows], network.to_node[rows]
    scale = np.cos(np.radians(network.lat[start].mean())), 1.0
    east = (network.lon[start] - network.lon[start].mean()) * M_PER_DEG * scale[0]
    north = (network.lat[start] - network.lat[start].mean()) * M_PER_DEG
    near = np.hypot(east, north) < radius_m
    length = network.length_m[rows[near]].astype(np.float64)
    picked = rng.choice(np.flatnonzero(near), count, p=length / length.sum())
    share = rng.uniform(0.1, 0.9, count)
    aside = rng.normal(0.0, ASIDE_M, (2, count)) / M_PER_DEG
    axes = (network.lon, network.lat)
    lon, lat = (
        axis[start[picked]] * (1 - share) + axis[end[picked]] * share + aside[k] / scale[k]
        for k, axis in enumerate(axes)
    )
    return graph.snap(lon, lat)


def by_direction(graph: RoadGraph, snaps: Snaps) -> Floats:
    """Return seconds between all stops, shape (2, stops, 2, stops): axis 0 and 2 tell along from against.

    The only direction of a one-way street counts as both.
    """
    size = len(snaps)
    both = snaps.pick(np.tile(np.arange(size), 2))
    along = np.concatenate([snaps.along, snaps.along & ~snaps.against])
    against = np.concatenate([snaps.against & ~snaps.along, snaps.against])
    return (
        graph.matrix(replace(both, along=along, against=against))
        .duration_s.astype(np.float64)
        .reshape(2, size, 2, size)
    )


def tour(seconds: Floats, budget_s: int) -> list[int]:
    """Return a short round over all stops."""
    manager = pywrapcp.RoutingIndexManager(len(seconds), 1, 0)
    model = pywrapcp.RoutingModel(manager)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(seconds.astype(int).tolist()))
    how = pywrapcp.DefaultRoutingSearchParameters()
    how.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
    how.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    how.time_limit.seconds = budget_s
    found = model.SolveWithParameters(how)
    order, at = [], model.Start(0)
    while not model.IsEnd(at):
        order.append(manager.IndexToNode(at))
        at = found.Value(model.NextVar(at))
    return order


def said(seconds: Floats, order: list[int]) -> float:
    """Return how long a round takes by a matrix."""
    return float(seconds[order, np.roll(order, -1)].sum())


def driven(seconds: Floats, order: list[int]) -> float:
    """Return how long a round takes with every stop left in the direction in which it was reached."""
    rounds = []
    for first in (0, 1):
        cost = np.where(np.arange(2) == first, 0.0, np.inf)
        for here, there in zip(order, np.roll(order, -1), strict=True):
            cost = (cost[:, None] + seconds[:, here, :, there]).min(axis=0)
        rounds.append(cost[first])
    return float(min(rounds))


def main() -> None:
    """Compare on some quarters of a map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("osm", type=Path)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--radius", type=float, default=2000.0, help="of the quarter, metres")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="for each tour")
    asked = parser.parse_args()
    graph = RoadGraph.build(read_roads(asked.osm).network)
    found = []
    for seed in range(asked.seeds):
        snaps = stops_in_a_quarter(graph, asked.stops, asked.radius, seed)
        directed = by_direction(graph, snaps)
        either = graph.matrix(snaps).duration_s.astype(np.float64)
        own = graph.matrix(snaps.without_turning(np.ones(len(snaps), np.bool_))).duration_s.astype(np.float64)
        by_either, by_own = tour(either, asked.seconds), tour(own, asked.seconds)
        found.append([said(either, by_either), driven(directed, by_either), said(own, by_own)])
    either_said, either_driven, own_side = np.sum(found, axis=0)
    print(
        json.dumps(
            {
                "map": asked.osm.name,
                "either direction, as its matrix says, s": round(either_said),
                "the same, as driven": round(either_driven / either_said, 3),
                "own side, said and driven": round(own_side / either_said, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
