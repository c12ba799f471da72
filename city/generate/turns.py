"""Turns that signs forbid: no left turns across main roads, and approaches that only go straight on."""

import cmath
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.generate.layout import Layout
from city.generate.traffic import Traffic
from city.network import RoadClass

# A turn by less than this is straight on; a left turn is by more, up to a U-turn, which no sign is needed for.
_STRAIGHT_RAD = math.radians(40)
_U_TURN_RAD = math.radians(155)
# How often a side street of an avenue has no left turns, in or out. On rings none has.
_NO_LEFT_AT_AVENUE = 0.4
# At a crossing of two main roads: how often left turns are forbidden on one of them, or everything but straight on.
_NO_LEFT_AT_CROSSING = 0.3
_ONLY_STRAIGHT_AT_CROSSING = 0.08


class _Arm(NamedTuple):
    """A segment as seen from a junction: the way one looks along it, and whether one may drive in from it and out."""

    segment: int
    outward: complex
    road_class: int
    into: bool
    out: bool


def forbid_turns(layout: Layout, traffic: Traffic, rng: np.random.Generator) -> NDArray[np.int64]:
    """Put up the signs at junctions of main roads.

    Returns
    -------
    ndarray
        Shape (turns, 3): from segment, vertex of the junction, to segment.
    """
    forbidden = []
    for vertex, arms in _main_junctions(layout, traffic):
        main = [arm for arm in arms if arm.road_class <= RoadClass.PRIMARY]
        others = [arm for arm in arms if arm.road_class > RoadClass.PRIMARY]
        lot = rng.random(3)
        if len(main) == 2 and others and max(arm.road_class for arm in others) > RoadClass.SECONDARY:
            ring = main[0].road_class == RoadClass.TRUNK
            approaches = arms if ring or lot[0] < _NO_LEFT_AT_AVENUE else []
            only_straight = False
        else:
            only_straight = lot[0] < _ONLY_STRAIGHT_AT_CROSSING
            signs = only_straight or lot[0] < _ONLY_STRAIGHT_AT_CROSSING + _NO_LEFT_AT_CROSSING
            approaches = _one_road(arms, int(lot[1] * len(arms))) if signs and len(arms) > 3 else []
        for arm in approaches:
            for other in arms:
                if arm.into and other.out and arm.segment != other.segment:
                    turn = cmath.phase(other.outward / -arm.outward)
                    if _STRAIGHT_RAD < turn < _U_TURN_RAD or (only_straight and -_U_TURN_RAD < turn < -_STRAIGHT_RAD):
                        forbidden.append((arm.segment, vertex, other.segment))
    return np.array(forbidden, np.int64).reshape(-1, 3)


def _main_junctions(layout: Layout, traffic: Traffic) -> list[tuple[int, list[_Arm]]]:
    """Find all junctions of at least three arms with a main road among them."""
    rank = layout.road_class
    ends = layout.ends
    arms = np.bincount(ends.ravel(), minlength=len(layout.place))
    on_main = np.zeros(len(layout.place), bool)
    on_main[ends[rank <= RoadClass.PRIMARY]] = True
    wanted = on_main & (arms > 2)
    found: dict[int, list[_Arm]] = {int(vertex): [] for vertex in np.flatnonzero(wanted)}
    for segment in np.flatnonzero(wanted[ends].any(axis=1)).tolist():
        path, one_way = layout.path[segment], bool(traffic.one_way[segment])
        for along, out, into in ((path, True, not one_way), (path[::-1], not one_way, True)):
            if along[0] in found:
                ahead = complex(layout.place[along[1]] - layout.place[along[0]])
                arm = _Arm(segment, ahead / abs(ahead), int(rank[segment]), into, out)
                found[along[0]].append(arm)
    return list(found.items())


def _one_road(arms: list[_Arm], index: int) -> list[_Arm]:
    """Return an arm and the one across from it."""
    first = arms[index]
    across = min((arm for arm in arms if arm is not first), key=lambda arm: (arm.outward / first.outward).real)
    return [first, across]
