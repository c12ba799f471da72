"""Small road networks drawn by hand, in metres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from city.network import RoadClass, RoadNetwork
from routing.snapping import EARTH_RADIUS_M

# The corner of the drawing: on the equator a metre east and a metre north are the same in degrees.
DEG_PER_M = float(np.degrees(1.0 / EARTH_RADIUS_M))


@dataclass(frozen=True)
class Street:
    """A segment of a drawing; its length is that of its line unless given."""

    start: int
    end: int
    oneway: bool = False
    bends: Sequence[tuple[float, float]] = ()
    name: str = ""
    way: int | None = None
    road_class: RoadClass = RoadClass.RESIDENTIAL
    kmh: float = 36.0
    truck: bool = True
    max_width_cm: int = 0
    max_height_cm: int = 0
    max_weight_kg: int = 0
    rules: str = ""


def draw(
    places: Sequence[tuple[float, float]],
    streets: Sequence[Street],
    forbidden: Sequence[tuple[int, int, int]] = (),
) -> RoadNetwork:
    """Make a network of junctions at (east, north) metres from a corner on the equator, and streets between them."""
    x, y = np.array(places, dtype=float).reshape(-1, 2).T
    names = ("", *dict.fromkeys(street.name for street in streets if street.name))
    rules = ("", *dict.fromkeys(street.rules for street in streets if street.rules))
    bends = [bend for street in streets for bend in street.bends]
    shape = np.array(bends, dtype=float).reshape(-1, 2) * DEG_PER_M

    def length(street: Street) -> float:
        line = np.array([places[street.start], *street.bends, places[street.end]], dtype=float)
        return float(np.hypot(*np.diff(line, axis=0).T).sum())

    return RoadNetwork(
        node_id=np.arange(100, 100 + len(x), dtype=np.int64),
        lon=x * DEG_PER_M,
        lat=y * DEG_PER_M,
        segment_id=np.arange(1000, 1000 + len(streets), dtype=np.int64),
        way_id=np.array([i if s.way is None else s.way for i, s in enumerate(streets)], dtype=np.int64),
        from_node=np.array([s.start for s in streets], dtype=np.int32),
        to_node=np.array([s.end for s in streets], dtype=np.int32),
        length_m=np.array([length(s) for s in streets], dtype=np.float32),
        road_class=np.array([s.road_class for s in streets], dtype=np.uint8),
        speed_kmh=np.array([s.kmh for s in streets], dtype=np.float32),
        forward=np.ones(len(streets), dtype=np.bool_),
        backward=np.array([not s.oneway for s in streets], dtype=np.bool_),
        truck=np.array([s.truck for s in streets], dtype=np.bool_),
        max_width_cm=np.array([s.max_width_cm for s in streets], dtype=np.int32),
        max_height_cm=np.array([s.max_height_cm for s in streets], dtype=np.int32),
        max_weight_kg=np.array([s.max_weight_kg for s in streets], dtype=np.int32),
        name=np.array([names.index(s.name) for s in streets], dtype=np.int32),
        names=names,
        rule=np.array([rules.index(s.rules) for s in streets], dtype=np.int32),
        rules=rules,
        shape_start=np.concatenate([[0], np.cumsum([len(s.bends) for s in streets])]).astype(np.int64),
        shape_lon=shape[:, 0].copy(),
        shape_lat=shape[:, 1].copy(),
        forbidden_turns=np.array(forbidden, dtype=np.int64).reshape(-1, 3),
    )
