"""What a street network looks like in numbers: a generated city's, or that of an OpenStreetMap file to compare with.

    .venv/bin/python benchmarks/street_shape.py [--points 600] [--districts 4] [--seed 1] [--roads FILE]

Prints JSON. Area is that of the 250 m squares with a street in them; detours are over random pairs of junctions of the
largest strongly connected part, at least 500 m apart, along the streets against as the crow flies.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from city.generate import generate
from city.importing.osm import read_roads
from city.network import RoadClass, RoadNetwork

SQUARE_M = 250.0
SOURCES, TARGETS = 60, 400
NEAREST_M = 500.0
# A collection truck of usual size.
WIDTH_CM, HEIGHT_CM, WEIGHT_KG = 250, 320, 18_000


def main() -> None:
    """Measure one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=600)
    parser.add_argument("--districts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roads", type=Path)
    given = parser.parse_args()
    if given.roads:
        network = read_roads(given.roads).network
    else:
        network = generate(given.points, given.districts, given.seed).network
    print(json.dumps(shape(network), indent=2))


def shape(network: RoadNetwork) -> dict[str, object]:
    """Return the measures."""
    x, y = metres(network)
    arms = np.bincount(np.concatenate([network.from_node, network.to_node]))
    arms = arms[arms > 0]
    length = network.length_m.astype(float)
    middle_x, middle_y = ((part[network.from_node] + part[network.to_node]) / 2 for part in (x, y))
    squares = np.unique(np.floor(np.column_stack([middle_x, middle_y]) / SQUARE_M), axis=0)
    km2 = len(squares) * (SQUARE_M / 1000) ** 2
    fits = (
        network.truck
        & ((network.max_width_cm == 0) | (network.max_width_cm >= WIDTH_CM))
        & ((network.max_height_cm == 0) | (network.max_height_cm >= HEIGHT_CM))
        & ((network.max_weight_kg == 0) | (network.max_weight_kg >= WEIGHT_KG))
    )
    ranks = np.bincount(network.road_class, length, minlength=len(RoadClass)) / length.sum()
    everybody, of_trucks = (strong(network, passable) for passable in (np.ones(len(length), bool), fits))
    return {
        "junctions": len(arms),
        "segments": len(length),
        "km2": round(km2, 1),
        "km": round(length.sum() / 1000, 1),
        "km_per_km2": round(length.sum() / 1000 / km2, 1),
        "median_segment_m": round(float(np.median(length)), 1),
        "arms_share": {str(n): round(float((arms == n).mean()), 3) for n in range(1, 6)},
        "mean_arms": round(float(arms.mean()), 2),
        "length_share": {rank.name.lower(): round(float(ranks[rank]), 3) for rank in RoadClass if ranks[rank]},
        "one_way_length_share": round(float(length[network.forward != network.backward].sum() / length.sum()), 3),
        "forbidden_turns": len(network.forbidden_turns),
        "strongly_connected_share": round(float(everybody.mean()), 4),
        "strongly_connected_share_truck": round(float(of_trucks.mean()), 4),
        "orientation_order": round(orientation_order(network, x, y), 2),
        "detour": detours(network, x, y, everybody),
    }


def metres(network: RoadNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Return junctions in metres; good enough over a city."""
    east = np.radians(network.lon - network.lon.mean()) * np.cos(np.radians(network.lat.mean()))
    return 6_371_009 * east, 6_371_009 * np.radians(network.lat - network.lat.mean())


def graph(network: RoadNetwork, passable: np.ndarray) -> coo_matrix:
    """Return the directed graph of junctions with lengths; of parallel segments only the shortest, as scipy adds up."""
    there, back = network.forward & passable, network.backward & passable
    tails = np.concatenate([network.from_node[there], network.to_node[back]])
    heads = np.concatenate([network.to_node[there], network.from_node[back]])
    lengths = np.maximum(np.concatenate([network.length_m[there], network.length_m[back]]), 0.1)
    order = np.lexsort((lengths, heads, tails))
    tails, heads, lengths = tails[order], heads[order], lengths[order]
    first = np.append(True, (np.diff(tails) != 0) | (np.diff(heads) != 0))
    size = len(network.node_id)
    return coo_matrix((lengths[first], (tails[first], heads[first])), shape=(size, size))


def strong(network: RoadNetwork, passable: np.ndarray) -> np.ndarray:
    """Say which junctions are in the largest strongly connected part."""
    part = connected_components(graph(network, passable), directed=True, connection="strong")[1]
    return part == np.bincount(part).argmax()


def orientation_order(network: RoadNetwork, x: np.ndarray, y: np.ndarray) -> float:
    """Return how nearly the streets follow one grid: 1 for a grid, 0 for all directions alike (Boeing, 2019)."""
    ahead = (x + 1j * y)[network.to_node] - (x + 1j * y)[network.from_node]
    bearing = np.degrees(np.angle(np.concatenate([ahead, -ahead]))) % 360
    share = np.histogram((bearing + 5) % 360, bins=36, range=(0, 360))[0] / len(bearing)
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    grid, most = np.log(4), np.log(36)
    return float(1 - ((entropy - grid) / (most - grid)) ** 2)


def detours(network: RoadNetwork, x: np.ndarray, y: np.ndarray, within: np.ndarray) -> dict[str, float]:
    """Return the mean and some quantiles of way over beeline."""
    rng = np.random.default_rng(1)
    sources, targets = (rng.choice(np.flatnonzero(within), count) for count in (SOURCES, TARGETS))
    ways = dijkstra(graph(network, np.ones(len(network.segment_id), bool)).tocsr(), indices=sources)[:, targets]
    beeline = np.hypot(x[sources][:, None] - x[targets], y[sources][:, None] - y[targets])
    ratio = (ways / np.maximum(beeline, 1))[beeline >= NEAREST_M]
    quantiles = {f"p{q}": round(float(np.percentile(ratio, q)), 2) for q in (5, 50, 95)}
    return {"mean": round(float(ratio.mean()), 2), **quantiles}


if __name__ == "__main__":
    main()
