"""Large capacitated instances in the manner of the Belgian ones (F. Arnold, M. Gendreau, K. Soerensen 2019).

    .venv/bin/python -m benchmarks.large_days 10000 [--seed 1] [--long] [--eccentric] > big.vrp

Customers lie around towns of very different sizes, thinner with the distance from the centre; one half wants one
parcel, a third two, the others three; a truck holds parcels for about ten customers, or, with long routes, for about a
hundred; the depot is in the middle or at the edge. Written as a CVRPLIB file. Best known costs do not exist.
"""

import argparse
import sys

import numpy as np

PARCELS, SHARES = (1, 2, 3), (0.5, 0.3, 0.2)
SIDE = 20_000
TOWNS_PER_CUSTOMER = 1 / 150
CAPACITY_SHORT, CAPACITY_LONG = 20, 170


def large_day(customers: int, seed: int, *, long_routes: bool = False, eccentric: bool = False) -> str:
    """Return an instance as the text of a file."""
    rng = np.random.default_rng(seed)
    towns = max(3, round(customers * TOWNS_PER_CUSTOMER))
    centres = rng.uniform(0, SIDE, (towns, 2))
    sizes = rng.pareto(1.1, towns) + 1
    town = rng.choice(towns, customers, p=sizes / sizes.sum())
    spread = SIDE / 60 * np.sqrt(sizes[town] / sizes.mean())
    angle = rng.uniform(0, 2 * np.pi, customers)
    radius = rng.exponential(spread)
    places = centres[town] + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    outside = ((places < 0) | (places > SIDE)).any(axis=1)
    places[outside] = rng.uniform(0, SIDE, (int(outside.sum()), 2))
    depot = np.array([0, 0]) if eccentric else np.average(places, axis=0)
    coordinates = np.rint(np.vstack([depot, places])).astype(int)
    demands = [0, *rng.choice(PARCELS, customers, p=SHARES).tolist()]
    name = f"large-n{customers}-{'long' if long_routes else 'short'}-{'edge' if eccentric else 'middle'}-s{seed}"
    return "\n".join(
        [
            f"NAME : {name}",
            "TYPE : CVRP",
            f"DIMENSION : {customers + 1}",
            "EDGE_WEIGHT_TYPE : EUC_2D",
            f"CAPACITY : {CAPACITY_LONG if long_routes else CAPACITY_SHORT}",
            "NODE_COORD_SECTION",
            *(f"{number} {x} {y}" for number, (x, y) in enumerate(coordinates.tolist(), start=1)),
            "DEMAND_SECTION",
            *(f"{number} {demand}" for number, demand in enumerate(demands, start=1)),
            "DEPOT_SECTION",
            "1",
            "-1",
            "EOF",
            "",
        ]
    )


def main() -> None:
    """Write an instance to stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("customers", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="about a hundred customers a route, not ten")
    parser.add_argument("--eccentric", action="store_true", help="the depot at a corner")
    given = parser.parse_args()
    sys.stdout.write(large_day(given.customers, given.seed, long_routes=given.long, eccentric=given.eccentric))


if __name__ == "__main__":
    main()
