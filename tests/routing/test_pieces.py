"""Pieces of routes, joined in any way, tell the least duration that driving them at every leaving time would show."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing.pieces import NEVER_S, Piece, Pieces, chained
from routing.problem import TimeWindow
from routing.timing import Course

SOON, SHORT = st.integers(0, 40), st.integers(0, 9)
pieces = st.builds(lambda start, length, dwell: (start, start + length, dwell), SOON, SOON, SHORT)
routes = st.lists(st.tuples(pieces, SHORT), min_size=2, max_size=7)


def least_s(places: list[tuple[Piece, int]]) -> int:
    """Try every leaving time."""
    (leaves, _), *rest = places
    course = Course(
        TimeWindow(*leaves[:2]),
        [(TimeWindow(*place[:2]),) for place, _ in rest],
        [place[2] for place, _ in rest],
        [way_s for _, way_s in rest],
        [0] * len(rest),
    )
    tried = {leaving_s: course.starts_from(leaving_s + leaves[2]) for leaving_s in range(leaves[0], leaves[1] + 1)}
    return min(
        (starts[-1] + rest[-1][0][2] - leaving_s for leaving_s, starts in tried.items() if isinstance(starts, list)),
        default=NEVER_S,
    )


@given(routes)
def test_from_the_front_and_from_the_back_a_route_takes_what_its_best_leaving_time_takes(
    places: list[tuple[Piece, int]],
) -> None:
    rows = np.array([place for place, _ in places])
    heads, tails = chained(rows, np.array([way_s for _, way_s in places[1:]]))
    assert heads[-1][2] == tails[0][2] == least_s(places)


@given(routes, st.integers(1, 5))
def test_a_head_and_a_tail_make_the_whole_wherever_it_is_cut(places: list[tuple[Piece, int]], cut: int) -> None:
    cut = min(cut, len(places) - 1)
    ways_s = np.array([way_s for _, way_s in places[1:]])
    heads, tails = chained(np.array([place for place, _ in places]), ways_s)
    whole = Pieces(*heads[[cut - 1]].T).then(ways_s[[cut - 1]], Pieces(*tails[[cut]].T))
    assert whole.duration_s.tolist() == [least_s(places)]
