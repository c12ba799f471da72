"""How bins widen: from the share of a bin's depth that is filled to the share of its usable volume that this holds.

A shape is a name, or a table of a bin of one's own: ``0.5:0.43,0.8:0.74`` says that half of the depth holds 43 % of the
volume. Between two entries the table is linear; nothing filled holds nothing, and all of the depth holds all.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

Profile = tuple[tuple[float, float], ...]

BOX = "box"
LINEAR: Profile = ((0.0, 0.0), (1.0, 1.0))

# A wheeled bin of 240 l is about 0.78 times as wide at the bottom as at the brim, both ways, so its area grows with the
# square. A bell of glass (igloo) narrows to the top as a dome does, to 0.53 of its width. A sack or hopper underground
# ends in a funnel over its lowest seventh.
TAPER, DOME = 0.78, 0.85
STEPS = tuple(step / 10 for step in range(11))


def _tapered(share: float) -> float:
    return float(((TAPER + (1 - TAPER) * share) ** 3 - TAPER**3) / (1 - TAPER**3))


def _dome(share: float) -> float:
    return float((share - DOME**2 * share**3 / 3) / (1 - DOME**2 / 3))


SHAPES: Mapping[str, Profile] = {
    BOX: LINEAR,
    "cylinder": LINEAR,
    "tapered": tuple((step, _tapered(step)) for step in STEPS),
    "igloo": tuple((step, _dome(step)) for step in STEPS),
    "underground": ((0.0, 0.0), (0.15, 0.1), (1.0, 1.0)),
}

# What registers call them.
NAMES: Mapping[str, str] = {
    **dict.fromkeys(("", "方形", "方桶", "rectangular"), BOX),
    **dict.fromkeys(("圆柱", "圆桶", "圆形", "round"), "cylinder"),
    **dict.fromkeys(("锥形", "上宽下窄", "wheeled", "wheelie bin"), "tapered"),
    **dict.fromkeys(("钟形", "bell", "dome"), "igloo"),
    **dict.fromkeys(("地埋", "地埋式", "buried"), "underground"),
}

_SEPARATORS = re.compile(r"\s*[,;，；]\s*")


def canonical_shape(text: str) -> str:
    """Write a shape the one way the registry keeps it.

    Raises
    ------
    ValueError
        If it is neither a known name nor a table that rises from nothing to all.
    """
    name = text.strip().lower()
    name = NAMES.get(name, name)
    return name if name in SHAPES else _written(_table(name))


@cache
def profile_of(shape: str) -> Profile:
    """Return the pairs of depth and volume of a shape, both as shares, rising from (0, 0) to (1, 1).

    Raises
    ------
    ValueError
        If the shape cannot be read.
    """
    return SHAPES[shape] if shape in SHAPES else _table(shape)


def volume_share(profile: Profile, depth_share: float) -> float:
    """Return the share of the volume that a share of the depth holds; above the brim it goes on as just below it."""
    if profile is LINEAR:
        return max(depth_share, 0.0)
    row = min(max(bisect_right(profile, (depth_share, 2.0)), 1), len(profile) - 1)
    (low, held), (high, holds) = profile[row - 1], profile[row]
    return max(held + (holds - held) * (depth_share - low) / (high - low), 0.0)


def _table(text: str) -> Profile:
    pairs = [pair.replace("：", ":").split(":") for pair in _SEPARATORS.split(text.strip()) if pair]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{text!r} is no shape; known are {', '.join(SHAPES)}, or a table such as 0.5:0.43,0.8:0.74")
    table = [(float(depth), float(volume)) for depth, volume in pairs]
    profile = ((0.0, 0.0), *(pair for pair in table if pair not in {(0.0, 0.0), (1.0, 1.0)}), (1.0, 1.0))
    rising = all(before[0] < after[0] and before[1] < after[1] for before, after in pairwise(profile))
    if not rising:
        raise ValueError(f"the table {text!r} does not rise from 0:0 to 1:1")
    return profile


def _written(profile: Profile) -> str:
    return ",".join(f"{depth:g}:{volume:g}" for depth, volume in profile[1:-1]) or BOX
