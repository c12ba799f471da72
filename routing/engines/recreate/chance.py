"""Chance for compiled code: numbers that follow from a seed, the same on every machine (xorshift64*, Vigna 2016)."""

import numpy as np
from numpy.typing import NDArray

from routing.compiled import uncounted

# The state, one number, which every draw changes.
Chance = NDArray[np.uint64]


def chance_of(seed: int) -> Chance:
    """Make a state of a seed."""
    return np.random.default_rng(seed).integers(1, 2**63, 1, dtype=np.uint64)


@uncounted
def draw(rng: Chance) -> float:
    """Return a number from 0 to below 1."""
    state = rng[0]
    state ^= state >> np.uint64(12)
    state ^= state << np.uint64(25)
    state ^= state >> np.uint64(27)
    rng[0] = state
    return float((state * np.uint64(2685821657736338717)) >> np.uint64(11)) / 2.0**53


@uncounted
def below(rng: Chance, end: int) -> int:
    """Return a whole number from 0 to below `end`, which is at least 1."""
    return int(draw(rng) * end)
