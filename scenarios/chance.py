"""Chance, all of it from one seed. Every purpose, and every hour of it, has a stream of its own.

What happens in an hour therefore does not depend on what was drawn before it: a history is the same however it is
stepped, and wherever it is taken up again.
"""

import zlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What is being drawn. The numbers are part of every history: never reuse one."""

    USAGE = 1
    SWING = 2
    DEPOSITS = 3
    MOUNTING = 4
    REPORTS = 5
    OUTAGES = 6
    FIRST_LEVELS = 7
    CREWS = 8
    LOSSES = 9
    SCALES = 10


def draw(seed: int, purpose: Purpose, *keys: int) -> np.random.Generator:
    """Return the generator of one purpose and, where given, one hour, day or object."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, purpose, *keys))))


def key_of(name: str) -> int:
    """Turn an object's id into a key, the same on every machine and run."""
    return zlib.crc32(name.encode())
