"""The road network as plain arrays: what the registry stores and the router reads. No database in here."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class RoadClass(IntEnum):
    """Roads by rank, after OSM's ``highway`` values; links count as their parent."""

    MOTORWAY = 0
    TRUNK = 1
    PRIMARY = 2
    SECONDARY = 3
    TERTIARY = 4
    UNCLASSIFIED = 5
    RESIDENTIAL = 6
    LIVING_STREET = 7
    SERVICE = 8
    TRACK = 9


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Junctions, the road segments between them, and the turns that are forbidden.

    Attributes
    ----------
    node_id, lon, lat
        Junctions: the id in the source (int64) and WGS 84 degrees (float64). Shape (nodes,).
    segment_id, way_id
        The registry's number of each segment and the OSM way it is part of (int64). Shape (segments,).
    from_node, to_node
        Ends of each segment, as row numbers of the junction arrays (int32).
    length_m
        Length along the street, metres (float32).
    road_class
        `RoadClass` of each segment (uint8).
    speed_kmh
        Speed from the source; NaN where it says nothing (float32).
    forward, backward
        Whether one may drive from `from_node` to `to_node`, and back (bool).
    truck
        Whether goods vehicles may use it at all (bool).
    max_width_cm, max_height_cm, max_weight_kg
        Limits; 0 where there is none (int32).
    name
        Row in `names` of the street's name (int32); row 0 is the empty name.
    names
        All street names.
    rule
        Row in `rules` of what holds on the street at certain hours or for some trucks only (int32); row 0 is nothing.
        Left out: no street has such rules.
    rules
        All texts of such rules, as `city.road_rules` writes them.
    shape_start, shape_lon, shape_lat
        Bends between the ends: those of segment i are rows ``shape_start[i]:shape_start[i + 1]`` (int64, float64).
    forbidden_turns
        Shape (turns, 3), int64: from segment, junction, to segment, as row numbers.
    """

    node_id: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    segment_id: NDArray[np.int64]
    way_id: NDArray[np.int64]
    from_node: NDArray[np.int32]
    to_node: NDArray[np.int32]
    length_m: NDArray[np.float32]
    road_class: NDArray[np.uint8]
    speed_kmh: NDArray[np.float32]
    forward: NDArray[np.bool_]
    backward: NDArray[np.bool_]
    truck: NDArray[np.bool_]
    max_width_cm: NDArray[np.int32]
    max_height_cm: NDArray[np.int32]
    max_weight_kg: NDArray[np.int32]
    name: NDArray[np.int32]
    names: tuple[str, ...]
    shape_start: NDArray[np.int64]
    shape_lon: NDArray[np.float64]
    shape_lat: NDArray[np.float64]
    forbidden_turns: NDArray[np.int64]
    rule: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    rules: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if not len(self.rule) and len(self.segment_id):
            object.__setattr__(self, "rule", np.zeros(len(self.segment_id), np.int32))
