"""Collectors, streets, lanes and dead ends: every face between main roads is cut in two until its parts are blocks.

After the recursive subdivision of Vanegas et al. (Procedural generation of parcels in urban modeling, Computer
Graphics Forum 31, 2012), with cuts that prefer to begin where a street ends on the other side, so that streets go
on across one another.
"""

import cmath
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

import numpy as np

from city.generate.drawing import NOTHING, Drawing, Face, Street, edge
from city.generate.land import Land
from city.generate.polygons import Corners, Meeting, area, chord, compactness, crosses, extent, grain
from city.network import RoadClass

T = TypeVar("T")

# Size of a block, square metres, in the old town and at the edge of the city.
_OLD_TOWN_BLOCK_M2 = 7_000.0
_EDGE_BLOCK_M2 = 30_000.0
# A cut through a face larger than this is a collector; through one of so many blocks' size, a street; below, a way
# into a block.
_COLLECTOR_FACE_M2 = 220_000.0
_STREET_FACE_BLOCKS = 3.0
# How many faces are parks, and how large one outside the city's edge must be to be countryside.
_PARKS = 0.025
_COUNTRY_M2 = 2e6
# A cut ends at a vertex that is nearer than this, in sides of a block.
_REACH = 0.25
# How often a cut looks for a street that ends at the face, and where it may lie, as a share of the longer side.
_GOES_ON = 0.6
_CUT_RANGE = (0.34, 0.66)
# What a part of a face must have of its area, and how compact it must be.
_LEAST_SHARE = 0.2
_LEAST_COMPACTNESS = 0.3
# Smallest angle between a cut and the street it meets, as cosine.
_SHARPEST_COS = math.cos(math.radians(38))
_ATTEMPTS = 7
# How often a block has a dead end, how deep it goes, and the least that is worth building.
_DEAD_ENDS = 0.30
_DEPTH = (0.4, 0.75)
_LEAST_DEAD_END_M = 28.0


class Quarter(Enum):
    """What a face between main roads is used for."""

    OLD_TOWN = auto()
    RESIDENTIAL = auto()
    INDUSTRIAL = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True)
class Block:
    """What no street cuts any further.

    Attributes
    ----------
    face
        Its vertices, counter-clockwise; `Drawing.outline` adds those that came later.
    """

    face: Face
    quarter: Quarter


@dataclass(frozen=True, slots=True)
class _End:
    """Where a cut meets the outline: at corner `index`, or on the side that begins there."""

    place: complex
    index: int
    at_corner: bool


def cut_into_blocks(drawing: Drawing, faces: list[Face], land: Land, rng: np.random.Generator) -> list[Block]:
    """Draw all streets below the main roads."""
    middle = np.array([np.mean([drawing.place[vertex] for vertex in face]) for face in faces])
    bustle = land.bustle(middle)
    size = _EDGE_BLOCK_M2 * (_OLD_TOWN_BLOCK_M2 / _EDGE_BLOCK_M2) ** np.clip(1.15 * bustle, 0, 1)
    size *= np.exp(rng.normal(0, 0.3, len(faces)))
    lot = rng.random(len(faces))
    country = ~land.inside(middle)
    waiting: deque[tuple[Face, Quarter, float]] = deque()
    for index, face in enumerate(faces):
        quarter, block_m2 = Quarter.RESIDENTIAL, float(size[index])
        if lot[index] < _PARKS or (country[index] and area([drawing.place[v] for v in face]) > _COUNTRY_M2):
            quarter = Quarter.OPEN
        elif bustle[index] > 0.72:
            quarter = Quarter.OLD_TOWN
        elif bustle[index] < 0.4 and lot[index] > 0.86:
            quarter, block_m2 = Quarter.INDUSTRIAL, 2.5 * block_m2
        waiting.append((face, quarter, block_m2))
    blocks = []
    while waiting:
        face, quarter, block_m2 = waiting.popleft()
        parts = None if quarter is Quarter.OPEN else _cut(drawing, face, quarter, block_m2, rng)
        if parts is None:
            blocks.append(Block(face, quarter))
        else:
            waiting.extend((part, quarter, block_m2) for part in parts)
    for block in blocks:
        if block.quarter is not Quarter.OPEN and rng.random() < _DEAD_ENDS:
            _draw_dead_end(drawing, block, rng)
    return blocks


def _cut(
    drawing: Drawing, face: Face, quarter: Quarter, block_m2: float, rng: np.random.Generator
) -> tuple[Face, Face] | None:
    """Cut a face in two across its longer side; ``None`` if it is small enough or cannot be cut well."""
    outline = drawing.outline(face)
    corners = [drawing.place[vertex] for vertex in outline]
    size = area(corners)
    if size < block_m2 * (1.1 + 0.8 * rng.random()):
        return None
    direction = grain(corners)
    if extent(corners, direction) < extent(corners, direction * 1j):
        direction *= 1j
    for attempt in range(_ATTEMPTS):
        if attempt == _ATTEMPTS - 2:
            direction *= 1j
        leaning = direction * cmath.exp(0.12j * (rng.random() - 0.5))
        meetings = chord(corners, leaning, _height(drawing, outline, corners, leaning, rng))
        if meetings is None:
            continue
        start, end = (_end(corners, meeting, _REACH * math.sqrt(block_m2)) for meeting in meetings)
        ends = start, end
        if _is_good(drawing, outline, corners, ends, size):
            rank = _rank(size, quarter, block_m2, rng)
            return _draw_cut(drawing, outline, ends, rank)
    return None


def _height(drawing: Drawing, outline: Face, corners: Corners, direction: complex, rng: np.random.Generator) -> float:
    """Choose how far along a direction to cut, often where a street ends at the outline from outside."""
    along = [corner.real * direction.real + corner.imag * direction.imag for corner in corners]
    low, high = min(along), max(along)
    first, last = (low + share * (high - low) for share in _CUT_RANGE)
    if rng.random() < _GOES_ON:
        going_on = [
            height
            for height, vertex in zip(along, outline, strict=True)
            if first < height < last and drawing.arms[vertex] == 3
        ]
        if going_on:
            return going_on[int(rng.random() * len(going_on))]
    return first + rng.random() * (last - first)


def _end(corners: Corners, meeting: Meeting, reach: float) -> _End:
    """Let a cut end where it meets the outline, or at the nearest corner if that is in reach."""
    count = len(corners)
    near = min(
        ((meeting.side + step) % count for step in (-1, 0, 1, 2)), key=lambda index: abs(corners[index] - meeting.place)
    )
    if abs(corners[near] - meeting.place) < reach:
        return _End(corners[near], near, at_corner=True)
    return _End(meeting.place, meeting.side, at_corner=False)


def _is_good(drawing: Drawing, outline: Face, corners: Corners, ends: tuple[_End, _End], size: float) -> bool:
    """Say whether a cut leaves two decent parts and meets other streets at decent angles."""
    start, end = ends
    if start.place == end.place:
        return False
    for one, other in (ends, ends[::-1]):
        ahead = (other.place - one.place) / abs(other.place - one.place)
        neighbours = [corners[(one.index + 1) % len(corners)], corners[one.index - one.at_corner]]
        for neighbour in neighbours:
            side = neighbour - one.place
            if (side * ahead.conjugate()).real > _SHARPEST_COS * abs(side):
                return False
        if one.at_corner and drawing.arms[outline[one.index]] > 3:
            return False
    if start.at_corner and end.at_corner:
        direct = edge(outline[start.index], outline[end.index])
        if direct in drawing.street_of or direct in drawing.middle:
            return False
    if crosses(corners, start.place, end.place):
        return False
    for one, other in (ends, ends[::-1]):
        part = [one.place, *_between(corners, one, other), other.place]
        if area(part) < _LEAST_SHARE * size or compactness(part) < _LEAST_COMPACTNESS:
            return False
    return True


def _between(around: Sequence[T], start: _End, end: _End) -> list[T]:
    """Return what lies on the outline between two ends, counter-clockwise, the ends left out."""
    first, last = start.index + 1, end.index - end.at_corner
    if end.index < start.index:
        return [*around[first:], *around[: last + 1]]
    return list(around[first : last + 1])


def _draw_cut(drawing: Drawing, outline: Face, ends: tuple[_End, _End], rank: RoadClass) -> tuple[Face, Face]:
    """Draw a cut as a street and return the two parts."""
    start, end = ends
    parent = min(
        (_street_at(drawing, outline, one) for one in ends), key=lambda street: drawing.streets[street].road_class
    )
    start_vertex, end_vertex = (
        outline[one.index]
        if one.at_corner
        else drawing.divide(outline[one.index], outline[(one.index + 1) % len(outline)], one.place)
        for one in ends
    )
    drawing.add_edge(start_vertex, end_vertex, drawing.add_street(Street(rank, parent)))
    return (
        [start_vertex, *_between(outline, start, end), end_vertex],
        [end_vertex, *_between(outline, end, start), start_vertex],
    )


def _street_at(drawing: Drawing, outline: Face, end: _End) -> int:
    """Return the street that runs along the outline where a cut meets it."""
    return drawing.street_of[edge(outline[end.index], outline[(end.index + 1) % len(outline)])]


def _rank(size: float, quarter: Quarter, block_m2: float, rng: np.random.Generator) -> RoadClass:
    """Choose what a cut through a face of that size is built as."""
    if size > _COLLECTOR_FACE_M2:
        return RoadClass.TERTIARY
    if quarter is Quarter.INDUSTRIAL:
        return RoadClass.UNCLASSIFIED
    if size > _STREET_FACE_BLOCKS * block_m2 or rng.random() < 0.35:
        return RoadClass.RESIDENTIAL
    return RoadClass.LIVING_STREET if quarter is Quarter.OLD_TOWN else RoadClass.SERVICE


def _draw_dead_end(drawing: Drawing, block: Block, rng: np.random.Generator) -> None:
    """Draw a way from a street into the middle of a block."""
    outline = drawing.outline(block.face)
    corners = [drawing.place[vertex] for vertex in outline]
    direction = grain(corners)
    if extent(corners, direction) < extent(corners, direction * 1j):
        direction *= 1j
    along = [corner.real * direction.real + corner.imag * direction.imag for corner in corners]
    share = 0.3 + 0.4 * rng.random()
    meetings = chord(corners, direction, min(along) + share * (max(along) - min(along)))
    if meetings is None:
        return
    gate, wall = meetings if rng.random() < 0.5 else meetings[::-1]
    way = (_DEPTH[0] + rng.random() * (_DEPTH[1] - _DEPTH[0])) * (wall.place - gate.place)
    street = _street_at(drawing, outline, _End(gate.place, gate.side, at_corner=False))
    sides = corners[gate.side], corners[(gate.side + 1) % len(corners)]
    if (
        abs(way) < _LEAST_DEAD_END_M
        or min(abs(corner - gate.place) for corner in sides) < _LEAST_DEAD_END_M / 2
        or street == NOTHING
        or drawing.streets[street].road_class < RoadClass.SECONDARY
    ):
        return
    rank = {Quarter.OLD_TOWN: RoadClass.LIVING_STREET, Quarter.INDUSTRIAL: RoadClass.SERVICE}.get(
        block.quarter, RoadClass.RESIDENTIAL if rng.random() < 0.4 else RoadClass.SERVICE
    )
    junction = drawing.divide(outline[gate.side], outline[(gate.side + 1) % len(outline)], gate.place)
    drawing.add_edge(junction, drawing.add_place(gate.place + way), drawing.add_street(Street(rank, street)))
