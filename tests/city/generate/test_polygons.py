"""Plane geometry of faces, against figures worked out by hand."""

import math

import pytest

from city.generate.polygons import area, chord, compactness, crosses, extent, grain

SQUARE = [0j, 10 + 0j, 10 + 10j, 10j]
# A U: two arms of width 2 and height 10 on a base of 10 by 4.
U = [0j, 10 + 0j, 10 + 10j, 8 + 10j, 8 + 4j, 2 + 4j, 2 + 10j, 10j]


def test_areas_and_extents() -> None:
    assert area(SQUARE) == 100
    assert area(SQUARE[::-1]) == -100
    assert area(U) == 10 * 4 + 2 * 2 * 6
    assert extent(U, 1j) == 10
    assert compactness(SQUARE) == pytest.approx(math.pi / 4)


def test_the_grain_of_a_turned_square_is_along_or_across_its_sides() -> None:
    turn = complex(math.cos(0.3), math.sin(0.3))
    found = grain([corner * turn for corner in SQUARE])
    assert (found / turn) ** 4 == pytest.approx(1)


def test_a_chord_stays_inside_and_is_the_longest_piece() -> None:
    meetings = chord(SQUARE, 1 + 0j, 4.0)
    assert meetings is not None
    assert {meeting.place for meeting in meetings} == {4 + 0j, 4 + 10j}
    across_arms = chord(U, 1j, 8.0)
    assert across_arms is not None
    assert abs(across_arms[1].place - across_arms[0].place) == pytest.approx(2)
    assert chord(SQUARE, 1 + 0j, 11.0) is None


def test_a_line_across_the_gap_of_a_u_crosses_its_outline() -> None:
    assert crosses(U, 0 + 8j, 10 + 8j)
    assert not crosses(U, 0 + 2j, 10 + 2j)
