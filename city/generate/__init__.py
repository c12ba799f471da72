"""A generated city: streets, river, districts, collection points, facilities and fleet, all made up from a seed."""

from collections.abc import Callable

import numpy as np

from city.canonical import canonical, version_of
from city.errors import CityError
from city.generate.districts import divide
from city.generate.facilities import build_facilities
from city.generate.fleet import build_fleet, count_trucks
from city.generate.names import name_districts
from city.generate.places import site_points
from city.generate.points import furnish
from city.generate.roads import build_network
from city.generate.rules import shifts, stream_rules
from city.generate.streets import build_streets
from city.registry import City, District
from city.store import CityData

__all__ = ["LARGEST", "generate"]

# Four times Shanghai; beyond, a city would not fit into the memory of the machines this is for.
LARGEST = 250_000
# A district with fewer points than this has nothing to plan.
LEAST_PER_DISTRICT = 5
# A city of 600 points has 24 square kilometres, one of Shanghai's 61,000 points 2,440.
_KM2_PER_POINT = 0.04
_LEAST_KM2 = 3.0


def generate(
    points: int, districts: int, seed: int, *, progress: Callable[[str], None] = lambda _step: None
) -> CityData:
    """Make up a city.

    The same arguments give the same city, byte for byte, whatever the machine does beside.

    Parameters
    ----------
    points
        How many collection points it has; streets, fleet and facilities are in proportion to Shanghai's.
    districts
        How many districts it is divided into.
    seed
        Which city of that size.
    progress
        Told what is being built next.

    Raises
    ------
    CityError
        If there is no city with such numbers, saying which numbers there can be.
    """
    _must_be_possible(points, districts, seed)
    rng = np.random.default_rng(seed)
    progress("building streets")
    streets = build_streets(max(_LEAST_KM2, points * _KM2_PER_POINT), rng)
    network = canonical(build_network(streets))
    progress("placing collection points and bins")
    sites = site_points(streets, points, rng)
    parts = divide(streets.layout, sites.sites, districts, rng)
    names = name_districts(districts, rng)
    collection_points, bins = furnish(sites, streets, parts, names, rng)
    progress("building facilities and fleet")
    counts = count_trucks(collection_points, bins, names)
    trucks_of_district = np.sum(list(counts.values()), axis=0)
    facilities = build_facilities(sites, streets, parts, names, trucks_of_district, rng=rng)
    trucks, crews = build_fleet(counts, facilities, names)
    return CityData(
        city=City(
            name="Lanjiang",
            timezone="Asia/Shanghai",
            source=f"generated: {points} points, {districts} districts, seed {seed}",
            roads_version=version_of(network),
        ),
        network=network,
        districts=[District(id=name.id, name=name.name, name_zh=name.name_zh) for name in names],
        stream_rules=stream_rules(),
        points=collection_points,
        bins=bins,
        facilities=facilities,
        trucks=trucks,
        shifts=shifts(),
        crews=crews,
    )


def _must_be_possible(points: int, districts: int, seed: int) -> None:
    if points < 1:
        raise CityError(f"a city with {points} collection points cannot be generated; ask for at least 1")
    if points > LARGEST:
        raise CityError(
            f"{points} collection points are more than a generated city can have; ask for at most {LARGEST}"
            " (Shanghai has 61,000)"
        )
    if districts < 1:
        raise CityError(f"a city with {districts} districts cannot be generated; ask for at least 1")
    if districts > 1 and points < LEAST_PER_DISTRICT * districts:
        raise CityError(
            f"{points} collection points are too few for {districts} districts; ask for at least"
            f" {LEAST_PER_DISTRICT * districts} points or at most {max(1, points // LEAST_PER_DISTRICT)} districts"
        )
    if seed < 0:
        raise CityError(f"seed {seed} is negative; choose 0 or a positive whole number")
