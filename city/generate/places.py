"""Where collection points and facilities stand: beside a street, a few metres from it, never in the river."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from city.generate.land import Places
from city.generate.layout import Layout
from city.generate.streets import Streets
from city.generate.traffic import strongly_connected
from city.network import RoadClass
from city.registry import PointKind

# Shanghai: 21,000 drop-off stations and 40,000 litter bins on streets.
_STATIONS = 21_000 / 61_000
# Of stations, those in a room of their own; the others are isles.
_ROOMS = 0.7
# How many stations a kilometre of street has, relative to the others: they stand where people live.
_STATION_STREETS = {
    RoadClass.TERTIARY: 0.35,
    RoadClass.UNCLASSIFIED: 0.15,
    RoadClass.RESIDENTIAL: 1.0,
    RoadClass.LIVING_STREET: 1.3,
    RoadClass.SERVICE: 1.0,
}
# The same for litter bins: they stand where people walk.
_LITTER_STREETS = {
    RoadClass.PRIMARY: 1.0,
    RoadClass.SECONDARY: 1.2,
    RoadClass.TERTIARY: 1.0,
    RoadClass.UNCLASSIFIED: 0.2,
    RoadClass.RESIDENTIAL: 0.5,
    RoadClass.LIVING_STREET: 0.6,
}
# From the middle of a street to its kerb.
_KERB_M = {
    RoadClass.TRUNK: 15.0,
    RoadClass.PRIMARY: 13.0,
    RoadClass.SECONDARY: 10.0,
    RoadClass.TERTIARY: 7.0,
    RoadClass.UNCLASSIFIED: 6.0,
    RoadClass.RESIDENTIAL: 4.5,
    RoadClass.LIVING_STREET: 3.0,
    RoadClass.SERVICE: 3.0,
}
# A litter bin stands at the kerb, a station behind the pavement.
_BEHIND_KERB_M = {PointKind.STREET: (0.5, 1.5), PointKind.ISLE: (1.5, 4.0), PointKind.BIN_ROOM: (2.5, 8.0)}
# Houses are numbered by their distance from the street's beginning, even on one side and odd on the other.
_HOUSE_M = 9.0


@dataclass(frozen=True, slots=True)
class Sites:
    """Places beside streets.

    Attributes
    ----------
    place
        Where. Shape (sites,).
    segment
        The street segment it stands at, as row of the layout.
    house
        House number in that street.
    """

    place: Places
    segment: NDArray[np.int64]
    house: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PointSites:
    """Sites of collection points, those along one street next to one another.

    Attributes
    ----------
    bustle
        How busy it is there.
    """

    sites: Sites
    kind: list[PointKind]
    bustle: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reach:
    """Segments where a truck can stop and from where it can get anywhere.

    Attributes
    ----------
    small
        For the smallest truck.
    standard
        For one that respects every limit by staying away.
    """

    small: NDArray[np.bool_]
    standard: NDArray[np.bool_]


def site_points(streets: Streets, count: int, rng: np.random.Generator) -> PointSites:
    """Find a place for every collection point."""
    land = streets.land
    pieces = _pieces(streets.layout)
    bustle = land.bustle(pieces.middle)
    served = reach(streets).small[pieces.segment]
    stations = max(1, round(count * _STATIONS))
    people = pieces.length * _per_class(_STATION_STREETS)[pieces.rank] * (0.15 + bustle) * served
    walkers = pieces.length * _per_class(_LITTER_STREETS)[pieces.rank] * (0.04 + bustle**1.5) * served
    piece, share = np.concatenate([_spread(people, stations, rng), _spread(walkers, count - stations, rng)], axis=1)
    code = np.where(np.arange(count) >= stations, 2, np.where(rng.random(count) < _ROOMS, 0, 1))
    order = np.lexsort((share, piece))
    piece, share, code = piece[order].astype(np.int64), share[order], code[order]
    kinds = (PointKind.BIN_ROOM, PointKind.ISLE, PointKind.STREET)
    near, far = np.array([_BEHIND_KERB_M[kind] for kind in kinds]).T
    sites = _beside(pieces, piece, share, near[code] + rng.random(count) * (far - near)[code], rng)
    return PointSites(sites, [kinds[one] for one in code.tolist()], land.bustle(sites.place))


def site_near(streets: Streets, wanted: Places, behind_kerb_m: float, rng: np.random.Generator) -> Sites:
    """Find places at larger streets near the wanted ones, no two at the same piece of street."""
    pieces = _pieces(streets.layout)
    large = (pieces.rank >= RoadClass.PRIMARY) & (pieces.rank <= RoadClass.UNCLASSIFIED) & (pieces.length > 20)
    fit = np.flatnonzero(large & reach(streets).standard[pieces.segment])
    free = np.zeros(len(fit))
    chosen = []
    for place in wanted.tolist():
        nearest = int((np.abs(pieces.middle[fit] - place) + free).argmin())
        free[nearest] = np.inf
        chosen.append(fit[nearest])
    half = np.full(len(chosen), 0.5)
    return _beside(pieces, np.array(chosen, np.int64), half, half * 2 * behind_kerb_m, rng)


def reach(streets: Streets) -> Reach:
    """Say where trucks can stop, by what they can pass; never on a bridge, a ring road or below a low bridge."""
    layout, traffic = streets.layout, streets.traffic
    ends = layout.ends
    street = np.array([one.bridge or one.ring > 0 for one in layout.streets])[layout.street]
    unlimited = (traffic.max_width_cm == 0) & (traffic.max_weight_kg == 0)

    def reached(passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros(len(ends), bool)
        rows = np.flatnonzero(passable & traffic.truck & (traffic.max_height_cm == 0))
        found[rows[strongly_connected(ends[rows], traffic.one_way[rows])]] = True
        return np.asarray(found & ~street)

    return Reach(small=reached(np.ones(len(ends), bool)), standard=reached(unlimited))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The straight pieces of all streets, in the order of the layout.

    Attributes
    ----------
    start, end, middle, length, segment, rank
        Where each piece is, how long, of which segment and `RoadClass`.
    before
        Length of its run of street before it, metres.
    """

    start: Places
    end: Places
    middle: Places
    length: NDArray[np.float64]
    segment: NDArray[np.int64]
    rank: NDArray[np.uint8]
    before: NDArray[np.float64]


def _pieces(layout: Layout) -> _Pieces:
    counts = np.array([len(path) for path in layout.path])
    vertex = np.concatenate([np.array(path, np.int64) for path in layout.path])
    segment = np.repeat(np.arange(len(counts)), counts)
    whole = segment[1:] == segment[:-1]
    start, end, segment = layout.place[vertex[:-1]][whole], layout.place[vertex[1:]][whole], segment[1:][whole]
    length = np.abs(end - start)
    before = np.cumsum(length) - length
    run = np.repeat(np.arange(len(layout.run_start) - 1), np.diff(layout.run_start))[segment]
    first = np.flatnonzero(np.append(True, run[1:] != run[:-1]))
    before -= np.repeat(before[first], np.diff(np.append(first, len(run))))
    return _Pieces(start, end, (start + end) / 2, length, segment, layout.road_class[segment], before)


def _per_class(shares: dict[RoadClass, float]) -> NDArray[np.float64]:
    return np.array([shares.get(road_class, 0.0) for road_class in RoadClass])


def _spread(weight: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Spread sites over pieces of street by weight, at nearly even distances along them.

    Returns
    -------
    ndarray
        Shape (2, count): the row of the piece, and the share of it before the site.
    """
    along = np.concatenate([[0.0], np.cumsum(weight)])
    at = (np.arange(count) + 0.15 + 0.7 * rng.random(count)) / max(1, count) * along[-1]
    row = np.minimum(np.searchsorted(along, at, side="right") - 1, len(weight) - 1)
    return np.array([row, (at - along[row]) / weight[row]])


def _beside(
    pieces: _Pieces,
    row: NDArray[np.int64],
    share: NDArray[np.float64],
    behind_kerb_m: NDArray[np.float64],
    rng: np.random.Generator,
) -> Sites:
    """Put sites left or right of pieces of street."""
    left = rng.random(len(row)) < 0.5
    ahead = (pieces.end - pieces.start)[row] / pieces.length[row]
    aside = np.where(left, 1j, -1j) * ahead * (_per_class(_KERB_M)[pieces.rank[row]] + behind_kerb_m)
    along = pieces.before[row] + share * pieces.length[row]
    house = 2 * (along / _HOUSE_M).astype(np.int64) + np.where(left, 1, 2)
    return Sites(pieces.start[row] + share * (pieces.end - pieces.start)[row] + aside, pieces.segment[row], house)
