"""What is allowed on the streets: speeds, one-way streets, and limits for trucks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

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
# How often a whole street becomes one-way where the city is busiest, half as often at its edge; its partner then does
# so, too, in the opposite direction.
_ONE_WAY = {RoadClass.TERTIARY: 0.08, RoadClass.RESIDENTIAL: 0.17, RoadClass.LIVING_STREET: 0.25}
# A partner is as parallel (cosine), as near, and at least so far aside; neither is longer than the other by more.
_PARALLEL, _PARTNER_M, _ASIDE_M, _LONGER = 0.94, 280.0, 40.0, 1.7
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

    direction = _directions(layout, ends, through, bustle, rng)
    order = _turned_order(layout.run_start, direction < 0)
    path = [layout.path[row][:: direction[run_of[row]] or 1] for row in order.tolist()]
    layout = replace(layout, path=path, street=layout.street[order])
    rank, bustle, bridge = rank[order], bustle[order], bridge[order]
    one_way = _without_traps(layout.ends, direction[run_of] != 0)

    def whole_runs(share: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(rng.random(len(through))[run_of] < share)

    narrow = whole_runs(np.array([_NARROW.get(road_class, 0.0) for road_class in RoadClass])[rank])
    small = (rank >= RoadClass.UNCLASSIFIED) & (rank <= RoadClass.LIVING_STREET)
    weak = whole_runs(np.where(small, _WEAK, 0.0)) | (bridge & (rank >= RoadClass.SECONDARY))
    low = (rng.random(len(rank)) < _LOW) & (rank >= RoadClass.TERTIARY) & ~bridge
    truck = ~whole_runs(np.where(small & (bustle > 0.45) & through[run_of], _NO_TRUCKS, 0.0))
    # What trucks reach only through streets that are closed to them is closed to them, too.
    open_ = np.flatnonzero(truck)
    truck[open_[~strongly_connected(layout.ends[open_], one_way[open_])]] = False
    traffic = Traffic(
        one_way=one_way,
        speed_kmh=np.array([SPEED_KMH.get(road_class, np.nan) for road_class in RoadClass], np.float32)[rank],
        truck=truck,
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


def _directions(
    layout: Layout,
    ends: NDArray[np.int64],
    through: NDArray[np.bool_],
    bustle: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Choose one-way streets, in pairs where there is a partner.

    Returns
    -------
    ndarray
        Of each run 1 if it may be driven only as it is laid out, -1 if only against that, 0 for both.
    """
    first = layout.run_start[:-1]
    start, end = layout.place[ends[first, 0]], layout.place[ends[layout.run_start[1:] - 1, 1]]
    middle, ahead = (start + end) / 2, end - start
    length = np.abs(ahead)
    share = np.array([_ONE_WAY.get(road_class, 0.0) for road_class in RoadClass])[layout.road_class[first]]
    fit = through & (share > 0) & (length > _ASIDE_M)
    chosen = np.flatnonzero(fit & (rng.random(len(first)) < share * (0.5 + 0.5 * bustle[first])))
    sign = rng.choice([-1, 1], len(chosen))
    direction = np.zeros(len(first), np.int64)
    tree = cKDTree(np.column_stack([middle.real, middle.imag]))
    around = tree.query_ball_point(np.column_stack([middle[chosen].real, middle[chosen].imag]), _PARTNER_M)
    for run, way, near in zip(chosen.tolist(), sign.tolist(), around, strict=True):
        if direction[run]:
            continue
        direction[run] = way
        others = np.sort(np.array(near))
        others = others[fit[others] & (direction[others] == 0)]
        offset = (middle[others] - middle[run]) * np.conj(ahead[run]) / length[run]
        turned = ahead[others] * np.conj(ahead[run]) / (length[others] * length[run])
        longer = np.maximum(length[others], length[run]) / np.minimum(length[others], length[run])
        good = (np.abs(turned.real) > _PARALLEL) & (np.abs(offset.imag) > _ASIDE_M) & (longer < _LONGER)
        good &= np.abs(offset.real) < length[run] / 2
        if good.any():
            partner = int(np.argmin(np.where(good, np.abs(offset), np.inf)))
            direction[others[partner]] = -way * int(np.sign(turned[partner].real))
    return direction


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
