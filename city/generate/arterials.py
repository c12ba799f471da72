"""The main roads: rings, avenues across the whole city, the roads between them, both embankments and the bridges.

They start as the lines of a square lattice that is stretched (narrow in the middle, wide outside), rounded (squares
become rings), bent and shaken, and then thinned out. What they enclose is left to `blocks`.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from city.generate.drawing import NOTHING, Drawing, Face, Street
from city.generate.land import EMBANKMENT_M, Land, Places, Waves
from city.network import RoadClass

# Distance between main roads in the middle of the city, and how much wider they lie at its edge.
_MIDDLE_SPACING_M = 560.0
_EDGE_WIDENING = 2.4
# The lattice reaches this far beyond the disc, for the bays and noses of the edge and for the roads out of town.
_REACH = 1.25
# Bridges of main roads keep at least this distance, in widths of the river.
_BRIDGE_SPACING = 9.0
# Crossings of main roads keep this distance to the embankment; a road that runs nearer to it is left to it.
_BESIDE_RIVER_M = 130.0
# Added to the numbers of lines, so that all are positive.
_LINES = 1_000
# Noding grid, metres: lines meet in exactly one point.
_GRID_M = 0.01

MAIN_ROADS = (RoadClass.TRUNK, RoadClass.PRIMARY)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The main roads as drawn, and the faces between them, counter-clockwise."""

    drawing: Drawing
    faces: list[Face]


@dataclass(slots=True)
class _Stretch:
    """One lattice edge: from one crossing of main roads to the next."""

    axis: int
    line: int
    step: int
    road_class: RoadClass
    shape: Places
    built: bool = True


def draw_arterials(land: Land, rng: np.random.Generator) -> Skeleton:
    """Draw the main roads of a city."""
    half = _lattice_size(land)
    stretches = _lattice(land, half, rng)
    _fit_to_land(stretches, land, half, rng)
    _leave_river_free(stretches, land)
    _thin_out(stretches, rng)
    return _node(stretches, land, rng)


def _lattice_size(land: Land) -> int:
    linear = 2 / (1 + _EDGE_WIDENING)
    return max(2, round(land.radius_m * _REACH * linear / _MIDDLE_SPACING_M))


def _lattice(land: Land, half: int, rng: np.random.Generator) -> list[_Stretch]:
    """Draw every lattice edge with its rank."""
    rings = _rings(half)
    avenues = [_avenues(half, rng) for _axis in range(2)]
    steady = [np.isin(np.arange(-half, half + 1), [*chosen, *rings, *(-r for r in rings)]) for chosen in avenues]
    crossing = _crossings(land, half, np.logical_or.outer(steady[1], steady[0]), rng)
    bends = Waves.draw(rng, 700.0, 2500.0, 9, 0.22)
    lesser = rng.random((2, 2 * half + 1)) < 0.35
    part = np.linspace(0, 1, 5)
    stretches = []
    for axis in range(2):
        for line in range(-half, half + 1):
            for step in range(-half, half):
                ends = [(step, line), (step + 1, line)] if axis == 0 else [(line, step), (line, step + 1)]
                start, end = (crossing[column + half, row + half] for column, row in ends)
                if abs(line) in rings and max(abs(step), abs(step + 1)) <= abs(line):
                    rank = RoadClass.TRUNK
                elif line in avenues[axis]:
                    rank = RoadClass.PRIMARY
                else:
                    rank = RoadClass.TERTIARY if lesser[axis, line + half] else RoadClass.SECONDARY
                shape = bends.move(start + part * (end - start))
                stretches.append(_Stretch(axis, line, step, rank, shape))
    return stretches


def _crossings(land: Land, half: int, steady: NDArray[np.bool_], rng: np.random.Generator) -> Places:
    """Place the crossings of the lattice, by column and row: stretched, rounded, bent, shaken, not in the river.

    Those of rings and avenues, `steady`, are shaken less; every later centre has turned the lattice a little.

    The square becomes a disc half by the elliptical grid mapping, which keeps lines smooth, half by the concentric
    one, which makes circles of rings (Fong, Analytical methods for squaring the disc, 2015).
    """
    linear = 2 / (1 + _EDGE_WIDENING)
    share = np.arange(-half, half + 1) / half
    stretched = np.sign(share) * (linear * abs(share) + (1 - linear) * share**2)
    across, up = np.meshgrid(stretched, stretched, indexing="ij")
    elliptical = across * np.sqrt(1 - up**2 / 2) + 1j * up * np.sqrt(1 - across**2 / 2)
    square = across + 1j * up
    concentric = square * np.maximum(abs(across), abs(up)) / np.maximum(abs(square), 1e-9)
    disc = (elliptical + concentric) / 2
    shake = np.sqrt(rng.random(disc.shape)) * np.exp(2j * np.pi * rng.random(disc.shape))
    shaken = np.where(steady, 0.08, 0.19) * _MIDDLE_SPACING_M * (1 + 1.2 * np.hypot(across, up)) * shake
    turn = np.exp(1j * rng.uniform(0, np.pi / 2))
    waves = Waves.draw(rng, 0.3 * land.radius_m + 800, 1.6 * land.radius_m + 800, 7, 0.3)
    places = turn * (land.radius_m * _REACH * disc + shaken)
    for centre, radius in zip(land.centre[1:], land.centre_radius_m[1:], strict=True):
        nearness = np.exp(-((np.abs(places - centre) / (1.3 * radius)) ** 2))
        places = centre + (places - centre) * np.exp(1j * rng.uniform(-0.9, 0.9) * nearness)
    places = waves.move(places)
    for _round in range(3):
        places = land.push_from_river(places, EMBANKMENT_M + _BESIDE_RIVER_M)
    return places


def _rings(half: int) -> tuple[int, ...]:
    shares = (0.6,) if half < 6 else (0.34, 0.7) if half < 14 else (0.2, 0.44, 0.74)
    return tuple(round(share * half) for share in shares)


def _avenues(half: int, rng: np.random.Generator) -> set[int]:
    """Choose which lines are avenues: the middle one and every third or fourth from there."""
    chosen = {0}
    for side in (-1, 1):
        line = 0
        while True:
            line += int(rng.integers(2, 5))
            if line > half:
                break
            chosen.add(side * line)
    return chosen


def _fit_to_land(stretches: list[_Stretch], land: Land, half: int, rng: np.random.Generator) -> None:
    """Keep what borders on the city; let some avenues run on into the country."""
    middle = {(s.axis, s.line, s.step): s.shape[2] for s in stretches}
    cells = [(column, row) for column in range(-half, half) for row in range(-half, half)]
    centres = np.array(
        [
            (middle[0, row, column] + middle[0, row + 1, column] + middle[1, column, row] + middle[1, column + 1, row])
            / 4
            for column, row in cells
        ]
    )
    in_city = {cell for cell, inside in zip(cells, land.inside(centres), strict=True) if inside}
    onward = rng.random((2, 2, 2 * half + 1)) < 0.25
    for stretch in stretches:
        beside = [(stretch.step, stretch.line - 1), (stretch.step, stretch.line)]
        if stretch.axis == 1:
            beside = [(row, column) for column, row in beside]
        borders = sum(cell in in_city for cell in beside)
        if borders == 0:
            outward = abs(stretch.step + 0.5) > abs(stretch.line)
            goes_on = outward and onward[stretch.axis, int(stretch.step >= 0), stretch.line + half]
            stretch.built = stretch.road_class is RoadClass.TRUNK or (
                stretch.road_class is RoadClass.PRIMARY and bool(goes_on)
            )
        elif borders == 1 and stretch.road_class is RoadClass.SECONDARY:
            stretch.road_class = RoadClass.TERTIARY


def _leave_river_free(stretches: list[_Stretch], land: Land) -> None:
    """Take away what runs along the river; crossings stay for now."""
    shapes = np.array([stretch.shape for stretch in stretches])
    beside = land.river_distance(shapes.ravel()) < land.river_half_width_m + EMBANKMENT_M + _BESIDE_RIVER_M + 20
    bank = land.right_of_river(shapes.ravel()).reshape(shapes.shape)
    for stretch, near, right in zip(stretches, beside.reshape(shapes.shape), bank, strict=True):
        if near.mean() > 0.7 and (right.all() or not right.any()):
            stretch.built = False


def _thin_out(stretches: list[_Stretch], rng: np.random.Generator) -> None:
    """Take away every seventh of the lesser stretches, but leave no crossing with fewer than three arms."""
    ends = [_ends(stretch) for stretch in stretches]
    arms: dict[tuple[int, int], int] = {}
    for stretch, both in zip(stretches, ends, strict=True):
        for end in both:
            arms[end] = arms.get(end, 0) + stretch.built
    for index in rng.permutation(len(stretches)):
        stretch = stretches[index]
        lesser = stretch.road_class not in MAIN_ROADS
        if stretch.built and lesser and all(arms[end] > 3 for end in ends[index]) and rng.random() < 0.2:
            stretch.built = False
            for end in ends[index]:
                arms[end] -= 1


def _ends(stretch: _Stretch) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = (stretch.line, stretch.step), (stretch.line, stretch.step + 1)
    return (start, end) if stretch.axis == 0 else (start[::-1], end[::-1])


def _node(stretches: list[_Stretch], land: Land, rng: np.random.Generator) -> Skeleton:
    """Cut all lines where they meet, choose the bridges, and draw what is left with the faces it encloses."""
    built = [stretch for stretch in stretches if stretch.built]
    water = land.water(EMBANKMENT_M)
    sources = [shapely.LineString(np.column_stack([s.shape.real, s.shape.imag])) for s in built]
    sources.append(water.exterior)
    pieces = shapely.get_parts(shapely.union_all(sources, grid_size=_GRID_M))
    halfway = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    source = shapely.STRtree(sources).nearest(halfway)
    bank = source == len(built)
    wet = ~bank & shapely.contains_properly(water, halfway)
    bridge = np.zeros(len(pieces), dtype=bool)
    bridge[_bridges(pieces, source, wet, built, land)] = True
    pieces, halfway, source, bank, bridge = (kept[~wet | bridge] for kept in (pieces, halfway, source, bank, bridge))

    areas = shapely.get_parts(shapely.polygonize(pieces))
    areas = areas[~shapely.contains_properly(water, shapely.point_on_surface(areas))]
    drawing = Drawing()
    vertex_at: dict[tuple[int, int], int] = {}

    def vertices(line: shapely.Geometry) -> list[int]:
        found = []
        for x, y in shapely.get_coordinates(line):
            key = (round(x / _GRID_M), round(y / _GRID_M))
            if key not in vertex_at:
                vertex_at[key] = drawing.add_place(complex(x, y))
            found.append(vertex_at[key])
        return found

    whole = areas[shapely.get_num_interior_rings(areas) == 0]
    faces = [vertices(area.exterior)[:-1] for area in shapely.orient_polygons(whole)]
    beside: dict[tuple[int, int], int] = {}
    for face in faces:
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            beside[min(a, b), max(a, b)] = beside.get((min(a, b), max(a, b)), 0) + 1

    street = _streets(built, drawing)
    banks = [drawing.add_street(Street(RoadClass.TERTIARY, riverside=True)) for _side in range(2)]
    right = land.right_of_river(shapely.get_coordinates(halfway) @ [1, 1j])
    unbuilt = rng.random(len(pieces))
    for index, piece in enumerate(pieces):
        along = vertices(piece)
        bordered = beside.get((min(along[:2]), max(along[:2])), 0)
        if bank[index]:
            belongs = banks[int(right[index])] if unbuilt[index] > 0.25 else NOTHING
            if not bordered:
                continue
        else:
            stretch = built[source[index]]
            belongs = street[source[index]]
            if bridge[index]:
                belongs = drawing.add_street(replace(drawing.streets[belongs], parent=belongs, bridge=True))
            elif not bordered and stretch.road_class not in MAIN_ROADS:
                continue
            elif bordered == 1 and stretch.road_class is RoadClass.TERTIARY and unbuilt[index] < 0.5:
                belongs = NOTHING
        for a, b in pairwise(along):
            drawing.add_edge(a, b, belongs)
    return Skeleton(drawing, faces)


def _streets(built: list[_Stretch], drawing: Drawing) -> list[int]:
    """Make one street of the stretches of a line that follow one another with the same rank."""
    found: list[int] = []
    before: _Stretch | None = None
    for stretch in built:
        follows = before is not None and (before.axis, before.line, before.step + 1, before.road_class) == (
            stretch.axis,
            stretch.line,
            stretch.step,
            stretch.road_class,
        )
        if not follows:
            line = 2 * (stretch.line + _LINES) + stretch.axis
            ring = abs(stretch.line) if stretch.road_class is RoadClass.TRUNK else 0
            drawing.add_street(Street(stretch.road_class, line=line, ring=ring))
        found.append(len(drawing.streets) - 1)
        before = stretch
    return found


def _bridges(
    pieces: NDArray[np.object_],
    source: NDArray[np.intp],
    wet: NDArray[np.bool_],
    built: list[_Stretch],
    land: Land,
) -> list[int]:
    """Choose bridges among the pieces of road in the river: short ones, main roads first, at a distance."""
    width = 2 * (land.river_half_width_m + EMBANKMENT_M)
    chosen: list[tuple[int, float]] = []
    candidates = []
    for index in np.flatnonzero(wet).tolist():
        ends = shapely.get_coordinates(pieces[index])[[0, -1]] @ [1, 1j]
        crosses = bool(land.right_of_river(ends).sum() == 1)
        if crosses and pieces[index].length < 2 * width and land.inside(ends).any():
            position = float(land.river_position(ends).mean())
            candidates.append((built[source[index]].road_class, position, index))
    for road_class, position, index in sorted(candidates):
        spacing = width * _BRIDGE_SPACING * (1 if road_class in MAIN_ROADS else 2)
        if all(abs(position - other) >= spacing for _index, other in chosen):
            chosen.append((index, position))
    return [index for index, _position in chosen]
