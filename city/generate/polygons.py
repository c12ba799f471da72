"""Plane geometry of one face: its corners are complex numbers, counter-clockwise."""

import math
from typing import NamedTuple

Corners = list[complex]


class Meeting(NamedTuple):
    """Where a line meets a polygon's outline: on the side from corner `side` to the next one."""

    place: complex
    side: int


def area(corners: Corners) -> float:
    """Return the area, square metres; negative if the corners run clockwise."""
    before = corners[-1]
    doubled = 0.0
    for corner in corners:
        doubled += before.real * corner.imag - before.imag * corner.real
        before = corner
    return doubled / 2


def perimeter(corners: Corners) -> float:
    """Return the length of the outline, metres."""
    before = corners[-1]
    length = 0.0
    for corner in corners:
        length += abs(corner - before)
        before = corner
    return length


def grain(corners: Corners) -> complex:
    """Return the direction that most of the outline runs along or across, as a unit vector.

    The mean of the sides' directions with their angles taken four times, so that right angles count as the same.
    """
    before = corners[-1]
    mean = 0j
    for corner in corners:
        side = corner - before
        length = abs(side)
        if length:
            mean += side**4 / length**3
        before = corner
    turned = math.atan2(mean.imag, mean.real) / 4
    return complex(math.cos(turned), math.sin(turned))


def extent(corners: Corners, direction: complex) -> float:
    """Return how long the polygon is in a direction, metres."""
    along = [corner.real * direction.real + corner.imag * direction.imag for corner in corners]
    return max(along) - min(along)


def chord(corners: Corners, direction: complex, height: float) -> tuple[Meeting, Meeting] | None:
    """Return the longest piece inside the polygon of the line across `direction` at `height` along it."""
    along = [corner.real * direction.real + corner.imag * direction.imag - height for corner in corners]
    meetings = []
    last = len(corners) - 1
    for side, here in enumerate(along):
        there = along[side + 1] if side < last else along[0]
        if (here < 0) != (there < 0):
            corner, following = corners[side], corners[side + 1 if side < last else 0]
            place = corner + here / (here - there) * (following - corner)
            meetings.append((place.imag * direction.real - place.real * direction.imag, Meeting(place, side)))
    meetings.sort(key=lambda meeting: meeting[0])
    pairs = list(zip(meetings[::2], meetings[1::2], strict=True))
    if not pairs:
        return None
    (_from, start), (_to, end) = max(pairs, key=lambda pair: pair[1][0] - pair[0][0])
    return start, end


def crosses(corners: Corners, start: complex, end: complex) -> bool:
    """Say whether a line from one place on the outline to another crosses or touches the outline in between."""
    ahead = end - start
    before = corners[-1]
    before_left = ahead.real * (before - start).imag - ahead.imag * (before - start).real
    for corner in corners:
        left = ahead.real * (corner - start).imag - ahead.imag * (corner - start).real
        if before_left * left <= 0 and corner not in (start, end) and before not in (start, end):
            side = corner - before
            start_left = side.real * (start - before).imag - side.imag * (start - before).real
            end_left = side.real * (end - before).imag - side.imag * (end - before).real
            if start_left * end_left < 0:
                return True
        before, before_left = corner, left
    return False


def compactness(corners: Corners) -> float:
    """Return the area in areas of the circle with that outline: 1 for a circle, 0.79 for a square, 0 for a line."""
    return 4 * math.pi * area(corners) / perimeter(corners) ** 2
