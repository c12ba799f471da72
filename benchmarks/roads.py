"""How long the road graph takes: building it, cutting the map, all travel times, closures, lines; beside other methods.

    python benchmarks/roads.py                              a made-up town of 12,100 junctions, 250 places
    python benchmarks/roads.py --columns 555 --places 2000  a made-up megacity of 308,025 junctions
    python benchmarks/roads.py --osm FILE                   a real map

The others run on the very same edges and turns, one core: plain Dijkstra of this project (stops when all places are
reached), scipy's Dijkstra (cannot stop), and where it is installed pyroutingkit (customizable contraction hierarchies).
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from city.hours import Span
from city.importing.osm import read_roads
from city.network import RoadClass, RoadNetwork
from routing import travel
from routing.conditions import RoadConditions, StreetFactors
from routing.dissection import dissect
from routing.roads import RoadGraph
from routing.shift_roads import Closing, ShiftPlaces, ShiftRoads, ShiftTime
from routing.snapping import Snaps
from routing.traffic import CITY_TRAFFIC
from tests.routing.roads.checkerboard import checkerboard

# Rounds of what is quick; the best counts, since other work on the machine only ever adds.
ROUNDS = 5
# Sources of what is slow; the time for all places is extrapolated.
SLOW_SOURCES = 10


class Figures:
    """Times (wall, CPU of all cores) and sizes under names, printed as they come."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def add(self, name: str, *values: float) -> None:
        """Note a figure, or the wall and the CPU seconds of something."""
        self.found[name] = [round(value, 4) for value in values]
        print(f"{name:60}", *(f"{value:12,.3f}" for value in values), file=sys.stderr, flush=True)

    @contextmanager
    def seconds(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        began = time.perf_counter(), time.process_time()
        yield
        self.add(f"{name}, s", time.perf_counter() - began[0], time.process_time() - began[1])

    def best(self, name: str, work: Callable[[], object], rounds: int = ROUNDS) -> None:
        """Note the shortest of some rounds, after one that compiles."""
        work()
        times = []
        for _ in range(rounds):
            began = time.perf_counter(), time.process_time()
            work()
            times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        self.add(f"{name}, s", min(times)[0], min(cpu for _, cpu in times))

    def per_place(self, name: str, work: Callable[[], object], sources: int, count: int) -> None:
        """Note what searches from some places take, one on average and extrapolated to all."""
        began = time.perf_counter(), time.process_time()
        work()
        taken = time.perf_counter() - began[0], time.process_time() - began[1]
        self.add(f"{name}, from one place, s", *(each / sources for each in taken))
        self.add(f"{name}, from all places, s", *(each / sources * count for each in taken))


def places_in(network: RoadNetwork, graph: RoadGraph, count: int) -> Snaps:
    """Put places beside random junctions of the graph."""
    rng = np.random.default_rng(1)
    junction = rng.choice(graph.streets.tail, count)
    return graph.snap(
        network.lon[junction] + rng.normal(0, 3e-4, count), network.lat[junction] + rng.normal(0, 3e-4, count)
    )


def ours(network: RoadNetwork, count: int, cores: int, figures: Figures) -> tuple[RoadGraph, Snaps]:
    """Time this project's own."""
    dissect(checkerboard(8, 8, seed=1))
    with figures.seconds("cut the map (once, then from a file)"):
        dissection = dissect(network, cores)
    RoadGraph.build(checkerboard(8, 8, seed=1))
    with figures.seconds("build the graph"):
        graph = RoadGraph.build(network, dissection=dissection, cores=cores)
    figures.add("edges", len(graph.streets))
    figures.add("turns", len(graph.streets.turn_to))
    figures.add("tables, MB", (graph._tables.through.nbytes + graph._tables.star.nbytes) / 1e6)
    snaps = places_in(graph.network, graph, count)
    figures.best(f"snap {count} places", lambda: graph.snap(snaps.lon, snaps.lat))
    for used in dict.fromkeys((1, cores)):
        figures.best(f"matrix {count} x {count}, {used} cores", partial(graph.matrix, snaps, cores=used))
        for ways in (1, 50):
            closed = frozenset(np.random.default_rng(ways).choice(network.way_id, ways).tolist())
            conditions = RoadConditions(closed_ways=closed)
            figures.best(f"{ways} closures, {used} cores", partial(graph.under, conditions, cores=used))
        slower = RoadConditions(class_slowdown=dict.fromkeys(RoadClass, 1.3))
        figures.best(f"all streets slower, {used} cores", partial(graph.under, slower, cores=used))
    shift(graph, snaps, figures)
    pairs = np.random.default_rng(2).integers(0, count, (20, 2)).tolist()
    figures.best("20 lines across the map", lambda: graph.ways(snaps, [(a, b) for a, b in pairs]))
    near = graph.matrix(snaps).duration_s + np.eye(count, dtype=np.int32) * 10**6
    hops = list(enumerate(near.argmin(axis=1).tolist()))[:200]
    figures.best(f"{len(hops)} lines to the nearest place", lambda: graph.ways(snaps, hops))
    return graph, snaps


def shift(graph: RoadGraph, snaps: Snaps, figures: Figures) -> None:
    """Time the streets of a morning shift with its traffic, and a street in it that is closed for an hour."""
    morning = Span(6 * 3600, 14 * 3600)
    when = ShiftTime(date(2026, 11, 24), morning, morning)
    way = int(graph.network.way_id[snaps.segment[0]])
    closures = [Closing(way, Span(9 * 3600, 10 * 3600))]
    busy: list[RoadGraph] = []

    def under(base: RoadGraph, factors: StreetFactors) -> RoadGraph:
        """Keep the streets with traffic and nothing closed, as a program that plans all day does."""
        if not np.isfinite(factors.by_segment).all():
            return base.under(factors)
        if not busy:
            busy.append(base.under(factors))
        return busy[0]

    def in_force(closed: list[Closing]) -> ShiftPlaces:
        places = ShiftRoads.of(graph, when, closed, CITY_TRAFFIC, under=under).locate(snaps.lon, snaps.lat)
        places.roads.throughout  # noqa: B018 - made when first asked for
        return places

    with figures.seconds("a shift's traffic in force, and its places"):
        in_force([])
    figures.best("one street closed for an hour of a shift, and its places", lambda: in_force(closures))
    figures.best("matrix of the shift", in_force(closures).matrix, rounds=2)


def plain(graph: RoadGraph, snaps: Snaps, figures: Figures) -> None:
    """Time one search from each place, and check that the matrix says the same."""
    places = graph._places(snaps)
    cost = np.empty((len(snaps), len(snaps)))
    travel.between(graph.turns, places, (0, 1), cost)
    sources = min(SLOW_SOURCES, len(snaps))
    figures.per_place("Dijkstra", lambda: travel.between(graph.turns, places, (0, sources), cost), sources, len(snaps))
    duration_s, distance_m = travel.unpack(cost[:sources])
    for rows in (duration_s, distance_m):
        np.fill_diagonal(rows, 0)
    matrix = graph.matrix(snaps)
    assert (matrix.duration_s[:sources] == duration_s).all()
    assert (matrix.distance_m[:sources] == distance_m).all()


def scipys(graph: RoadGraph, snaps: Snaps, figures: Figures) -> None:
    """Time scipy's Dijkstra over the same turns, from one edge a place."""
    streets, step = graph.streets, graph.turns.step
    kept = np.isfinite(step)
    arcs = csr_matrix(
        (step[kept], (streets.turn_from[kept], streets.turn_to[kept])), shape=(len(streets), len(streets))
    )
    sources = graph._places(snaps).edge.max(axis=1)[: min(SLOW_SOURCES, len(snaps))]
    figures.per_place("scipy", lambda: dijkstra(arcs, indices=sources), len(sources), len(snaps))


def contraction(graph: RoadGraph, snaps: Snaps, figures: Figures) -> None:
    """Time pyroutingkit over the same turns, between one edge of each place."""
    try:
        import pyroutingkit  # noqa: PLC0415 - not one of this project's dependencies
    except ImportError:
        print("pyroutingkit is not installed; left out", file=sys.stderr)
        return
    streets, network = graph.streets, graph.network
    kept = np.isfinite(graph.turns.step)
    tail = streets.turn_from[kept].astype(np.uint32)
    head = streets.turn_to[kept].astype(np.uint32)
    middle = [(axis[streets.tail] + axis[streets.head]).astype(np.float32) / 2 for axis in (network.lat, network.lon)]
    weights = (graph.turns.step[kept] / travel.DISTANCE_SPAN).astype(np.uint32)
    topology = pyroutingkit.CCHTopology()
    with figures.seconds("pyroutingkit, order and contract (once, then from a file)"):
        topology.build(tail, head, *middle, len(streets))
    metric = pyroutingkit.CCHMetric(topology)
    with figures.seconds("pyroutingkit, all weights new"):
        metric.customize(weights)
    edges = graph._places(snaps).edge.max(axis=1).astype(np.uint32)
    sources = edges[: min(SLOW_SOURCES, len(edges))]
    figures.per_place("pyroutingkit", lambda: metric.distances_many_to_many(sources, edges), len(sources), len(edges))


def main() -> None:
    """Run what was asked for; figures as JSON on stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, default=110, help="junctions along each side of the made-up city")
    parser.add_argument("--places", type=int, default=250)
    parser.add_argument("--osm", type=Path, help="a real map instead")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    figures = Figures()
    network = read_roads(asked.osm).network if asked.osm else checkerboard(asked.columns, asked.columns, seed=1)
    figures.add("junctions", len(network.lon))
    graph, snaps = ours(network, asked.places, asked.cores, figures)
    plain(graph, snaps, figures)
    scipys(graph, snaps, figures)
    contraction(graph, snaps, figures)
    figures.add("memory at its highest, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    json.dump(figures.found, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
