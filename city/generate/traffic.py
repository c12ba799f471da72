"""What is allowed on the streets: speeds, one-way streets, and limits for trucks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from city.generate.land import Land
from city.generate.layout import Layout
from city.network import RoadClass

# Signposted speeds; service ways and tracks have no sign.
SPEED_KMH = {
    RoadClass.TRUNK: 80.0,
    RoadClass.PRIMARY: 60.0,
    RoadClass.SECONDARY: 50.0,
    RoadClass.TERTIARY: 40.0,
    RoadClass.UNCLASSIFIED: 40.0,
    RoadClass.RESIDENTIAL: 30.0,
    RoadClass.LIVING_STREET: 15.0,
}
# How often a whole street is one-way where the city is busiest; half as often at its edge.
_ONE_WAY = {RoadClass.TERTIARY: 0.08, RoadClass.RESIDENTIAL: 0.2, RoadClass.LIVING_STREET: 0.3}
# Neighbouring lesser lines of main roads are a one-way pair where it is busier than this.
_PAIR_BUSTLE = 0.5
# How often trucks are limited, and to what; no limit is tighter than the smallest truck of `fleet`.
_NARROW = {RoadClass.LIVING_STREET: 0.14, RoadClass.SERVICE: 0.05}
_WIDTHS_CM = (220, 230, 240)
_LOW = 0.004
_HEIGHTS_CM = (280, 300, 310, 350)
_WEAK = 0.012
_WEIGHTS_KG = (8_000, 10_000, 13_000)
_NO_TRUCKS = 0.035


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rules of each segment.

    Attributes
    ----------
    one_way
        Whether it may only be driven from its start to its end.
    speed_kmh
        NaN where nothing is signposted.
    truck
        Whether goods vehicles may use it.
    max_width_cm, max_height_cm, max_weight_kg
        0 for no limit.
    """

    one_way: NDArray[np.bool_]
    speed_kmh: NDArray[np.float32]
    truck: NDArray[np.bool_]
    max_width_cm: NDArray[np.int32]
    max_height_cm: NDArray[np.int32]
    max_weight_kg: NDArray[np.int32]


def regulate(layout: Layout, land: Land, rng: np.random.Generator) -> tuple[Layout, Traffic]:
    """Put up the signs; streets that became one-way against their direction are turned round in the layout."""
    rank = layout.road_class
    ends = layout.ends
    middle = layout.place[ends].mean(axis=1)
    bustle = land.bustle(middle)
    run_of = np.repeat(np.arange(len(layout.run_start) - 1), np.diff(layout.run_start))
    bridge = np.array([street.bridge for street in layout.streets])[layout.street]
    through = _through(layout, ends)

    one_way, against = _one_way_pairs(layout, ends, bustle)
    lot = rng.random(len(through))[run_of]
    share = np.array([_ONE_WAY.get(road_class, 0.0) for road_class in RoadClass])[rank]
    chosen = through[run_of] & ~one_way & (lot < share * (0.5 + 0.5 * bustle[layout.run_start[:-1]][run_of]))
    against |= chosen & (rng.random(len(through)) < 0.5)[run_of]
    turned = np.zeros(len(through), bool)
    turned[run_of[against & (one_way | chosen)]] = True
    order = _turned_order(layout.run_start, turned)
    path = [layout.path[row][:: -1 if turned[run_of[row]] else 1] for row in order.tolist()]
    layout = replace(layout, path=path, street=layout.street[order])
    rank, bustle, bridge = rank[order], bustle[order], bridge[order]
    one_way = _without_traps(layout.ends, (one_way | chosen)[order])

    def whole_runs(share: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(rng.random(len(through))[run_of] < share)

    narrow = whole_runs(np.array([_NARROW.get(road_class, 0.0) for road_class in RoadClass])[rank])
    small = (rank >= RoadClass.UNCLASSIFIED) & (rank <= RoadClass.LIVING_STREET)
    weak = whole_runs(np.where(small, _WEAK, 0.0)) | (bridge & (rank >= RoadClass.SECONDARY))
    low = (rng.random(len(rank)) < _LOW) & (rank >= RoadClass.TERTIARY) & ~bridge
    traffic = Traffic(
        one_way=one_way,
        speed_kmh=np.array([SPEED_KMH.get(road_class, np.nan) for road_class in RoadClass], np.float32)[rank],
        truck=~whole_runs(np.where(small & (bustle > 0.45) & through[run_of], _NO_TRUCKS, 0.0)),
        max_width_cm=_limits(narrow, run_of, _WIDTHS_CM, rng),
        max_height_cm=_limits(low, np.arange(len(rank)), _HEIGHTS_CM, rng),
        max_weight_kg=_limits(weak, run_of, _WEIGHTS_KG, rng),
    )
    return layout, traffic


def strongly_connected(ends: NDArray[np.int64], one_way: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which segments have both ends in the largest part in which every junction reaches every other."""
    size = int(ends.max()) + 1
    tails = np.concatenate([ends[:, 0], ends[~one_way, 1]])
    heads = np.concatenate([ends[:, 1], ends[~one_way, 0]])
    links = coo_matrix((np.ones(len(tails), bool), (tails, heads)), shape=(size, size))
    part = connected_components(links, directed=True, connection="strong")[1][ends]
    return np.asarray((part == np.bincount(part.ravel()).argmax()).all(axis=1))


def _through(layout: Layout, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which runs of street begin and end at another street."""
    arms = np.bincount(ends.ravel(), minlength=len(layout.place))
    first, last = ends[layout.run_start[:-1], 0], ends[layout.run_start[1:] - 1, 1]
    return np.asarray((arms[first] > 1) & (arms[last] > 1))


def _one_way_pairs(
    layout: Layout, ends: NDArray[np.int64], bustle: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Choose neighbouring lesser lines in busy parts; say which segments are on them and run against them."""
    lesser = {s.line for s in layout.streets if s.line and s.road_class > RoadClass.PRIMARY}
    main = {s.line for s in layout.streets if s.line and s.road_class <= RoadClass.PRIMARY}
    direction: dict[int, int] = {}
    for line in sorted(lesser - main):
        if line + 2 in lesser - main and line not in direction:
            direction[line], direction[line + 2] = 1, -1
    sign = np.array([direction.get(street.line, 0) * (not street.bridge) for street in layout.streets])[layout.street]
    heading = np.array([street.heading for street in layout.streets])[layout.street]
    ahead = ((layout.place[ends[:, 1]] - layout.place[ends[:, 0]]) * heading.conj()).real
    one_way = (sign != 0) & (bustle > _PAIR_BUSTLE)
    return one_way, one_way & (sign * ahead < 0)


def _turned_order(run_start: NDArray[np.int64], turned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows of all segments with those of turned runs in opposite order."""
    length = np.diff(run_start)
    place = np.arange(run_start[-1]) - np.repeat(run_start[:-1], length)
    backward = np.repeat(run_start[1:] - 1, length) - place
    return np.where(np.repeat(turned, length), backward, np.arange(run_start[-1]))


def _without_traps(ends: NDArray[np.int64], one_way: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Open one-way streets that lead into or out of places that cannot be left or reached otherwise."""
    while True:
        trapped = one_way & ~strongly_connected(ends, one_way)
        if not trapped.any():
            return one_way
        one_way = one_way & ~trapped


def _limits(
    limited: NDArray[np.bool_], group: NDArray[np.int64], values: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.int32]:
    drawn = np.array(values, np.int32)[rng.integers(0, len(values), int(group.max()) + 1)][group]
    return np.where(limited, drawn, 0).astype(np.int32)
