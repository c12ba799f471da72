"""The slow, plain way to all travel times: every turn written out, then scipy's Dijkstra between all edges."""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from routing.roads import RoadGraph
from routing.snapping import Snaps

Edge = tuple[int, bool]


def durations_cs(graph: RoadGraph, snaps: Snaps) -> NDArray[np.float64]:
    """Return durations between all places in hundredths of a second, infinite where there is no way."""
    network, conditions = graph.network, graph.conditions
    streets = graph.streets
    number = {(int(s), bool(b)): k for k, (s, b) in enumerate(zip(streets.segment, streets.backward, strict=True))}

    def start(edge: Edge) -> int:
        return int((network.to_node if edge[1] else network.from_node)[edge[0]])

    def end(edge: Edge) -> int:
        return start((edge[0], not edge[1]))

    def cost(edge: Edge) -> int:
        segment = edge[0]
        named = float(network.speed_kmh[segment])
        road_class = network.road_class[segment]
        kmh = min(
            named * graph.profile.share_of_limit if named > 0 else graph.profile.class_kmh[road_class],
            graph.profile.top_kmh,
        )
        slower = conditions.way_slowdown.get(int(network.way_id[segment]), 1.0)
        slower *= conditions.class_slowdown.get(road_class, 1.0)
        return max(1, round(float(network.length_m[segment]) * 3.6 / kmh * slower * 100))

    usable = [edge for edge in number if int(network.way_id[edge[0]]) not in conditions.closed_ways]
    forbidden = {tuple(row) for row in network.forbidden_turns.tolist()}

    def onward(edge: Edge) -> list[Edge]:
        exits = [
            other for other in usable if start(other) == end(edge) and (edge[0], end(edge), other[0]) not in forbidden
        ]
        return [other for other in exits if other[0] != edge[0]] or exits

    turn_s = {
        (int(a), int(b)): float(seconds)
        for a, b, seconds in zip(streets.turn_from, streets.turn_to, streets.turn_s, strict=True)
    }
    step = {
        (edge, other): cost(edge) + round(turn_s[number[edge], number[other]] * 100)
        for edge in usable
        for other in onward(edge)
    }
    arcs = [(number[edge], number[other]) for edge, other in step]
    matrix = csr_matrix(
        (np.array(list(step.values()), dtype=float), np.array(arcs, dtype=int).reshape(-1, 2).T),
        shape=(len(number), len(number)),
    )
    far = dijkstra(matrix)

    def sides(place: int) -> dict[Edge, float]:
        segment = int(snaps.segment[place])
        found = {}
        for backward, allowed in ((False, snaps.along[place]), (True, snaps.against[place])):
            if allowed and (segment, backward) in usable:
                along = float(np.rint(snaps.fraction[place] * cost((segment, False))))
                found[segment, backward] = cost((segment, False)) - along if backward else along
        return found

    result = np.full((len(snaps), len(snaps)), np.inf)
    for source, target in itertools.product(range(len(snaps)), repeat=2):
        for (edge, before), (goal, after) in itertools.product(sides(source).items(), sides(target).items()):
            if edge == goal and after >= before:
                result[source, target] = min(result[source, target], after - before)
            for other in onward(edge):
                way = step[edge, other] - before + far[number[other], number[goal]] + after
                result[source, target] = min(result[source, target], way)
    np.fill_diagonal(result, 0.0)
    return result
