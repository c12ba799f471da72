"""Pieces of a route and how two of them make one: how long it takes at least, and when it may begin to take no longer.

The arithmetic of time windows by Vidal, Crainic, Gendreau and Prins (2013, Computers & Operations Research 40:475).
Several windows of a place count as one from the first to the last, so that a duration is a lower bound; with one
window it is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routing.compiled import compiled, inner
from routing.problem import TimeWindow

# Later than any time of a problem, and far enough below the end of int64 to be added to.
NEVER_S = 2**40

Ints = NDArray[np.int64]

# Earliest and latest begin of a piece of a route at which it takes no longer than its duration, then that duration.
Piece = tuple[int, int, int]


def piece_of(windows: Sequence[TimeWindow], dwell_s: int) -> Piece:
    """Return one place as a piece."""
    return (windows[0].start_s, windows[-1].end_s, dwell_s) if windows else (-NEVER_S, NEVER_S, dwell_s)


@inner
def join(one: Piece, way_s: int, other: Piece) -> Piece:
    """Put two pieces one after the other; `NEVER_S` long if the second is missed even at the earliest."""
    early, late, duration = one
    gone_s = duration + way_s
    if duration >= NEVER_S or other[2] >= NEVER_S or early + gone_s > other[1]:
        return early, late, NEVER_S
    wait_s = max(0, other[0] - gone_s - late)
    return max(other[0] - gone_s, early) - wait_s, min(other[1] - gone_s, late), gone_s + wait_s + other[2]


@compiled
def chained(pieces: Ints, ways_s: Ints) -> tuple[Ints, Ints]:
    """Join pieces that follow each other, from the front and from the back.

    Parameters
    ----------
    pieces
        A row each.
    ways_s
        The way to each piece after the first.

    Returns
    -------
    heads, tails
        In every row all pieces up to this one, and this one with all that follow.
    """
    heads, tails = pieces.copy(), pieces.copy()
    last = len(pieces) - 1
    for number in range(1, len(pieces)):
        before, own = heads[number - 1], pieces[number]
        joined = join((before[0], before[1], before[2]), ways_s[number - 1], (own[0], own[1], own[2]))
        heads[number] = joined
        own, after = pieces[last - number], tails[last - number + 1]
        joined = join((own[0], own[1], own[2]), ways_s[last - number], (after[0], after[1], after[2]))
        tails[last - number] = joined
    return heads, tails


@dataclass(frozen=True, slots=True)
class Pieces:
    """Many pieces side by side, as arrays."""

    from_s: Ints
    to_s: Ints
    duration_s: Ints

    def then(self, way_s: Ints | int, other: Self | Piece) -> Self:
        """Put others after these, each to each or one after all; see `join`."""
        from_s, to_s, duration_s = other if isinstance(other, tuple) else (other.from_s, other.to_s, other.duration_s)
        gone_s = self.duration_s + way_s
        never = (self.duration_s >= NEVER_S) | (duration_s >= NEVER_S) | (self.from_s + gone_s > to_s)
        wait_s = np.maximum(0, from_s - gone_s - self.to_s)
        return type(self)(
            np.maximum(from_s - gone_s, self.from_s) - wait_s,
            np.minimum(to_s - gone_s, self.to_s),
            np.where(never, NEVER_S, gone_s + wait_s + duration_s),
        )
