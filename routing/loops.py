"""Splits streets that begin and end at the same junction, so that every street has two different ends."""

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from city.network import RoadNetwork

Kind = TypeVar("Kind", bound=np.generic)


def without_loops(network: RoadNetwork) -> RoadNetwork:
    """Return the network with every loop cut in two at its middle bend; the very same network if it has none.

    The first half keeps the loop's row, the second half gets a new row at the end; both keep its ids and name. The
    new junctions carry negative ids. A turn forbidden from or into the loop is forbidden from or into both halves.
    """
    loops = np.flatnonzero(network.from_node == network.to_node)
    if len(loops) == 0:
        return network
    start, end = network.shape_start[loops], network.shape_start[loops + 1]
    middle = (start + end) // 2
    bent = end > start
    junction = network.from_node[loops]
    shape_lon, shape_lat = network.shape_lon, network.shape_lat
    pick = np.minimum(middle, max(len(shape_lon) - 1, 0))
    lon = np.where(bent, shape_lon[pick] if len(shape_lon) else np.nan, network.lon[junction])
    lat = np.where(bent, shape_lat[pick] if len(shape_lat) else np.nan, network.lat[junction])
    new_node = np.arange(len(network.lon), len(network.lon) + len(loops), dtype=np.int32)

    share = np.array([_share_before(network, int(row)) for row in loops])
    first_half = network.length_m.copy()
    first_half[loops] = (network.length_m[loops] * share).astype(np.float32)
    to_node = network.to_node.copy()
    to_node[loops] = new_node

    ranges = np.stack([network.shape_start[:-1], network.shape_start[1:]], axis=1)
    ranges[loops, 1] = middle
    ranges = np.concatenate([ranges, np.stack([np.minimum(middle + 1, end), end], axis=1)])
    sizes = ranges[:, 1] - ranges[:, 0]
    shape_start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    picked = np.arange(shape_start[-1]) + np.repeat(ranges[:, 0] - shape_start[:-1], sizes)

    def twice(column: NDArray[Kind]) -> NDArray[Kind]:
        return np.concatenate([column, column[loops]])

    return replace(
        network,
        node_id=np.concatenate([network.node_id, -1 - loops.astype(np.int64)]),
        lon=np.concatenate([network.lon, lon]),
        lat=np.concatenate([network.lat, lat]),
        segment_id=twice(network.segment_id),
        way_id=twice(network.way_id),
        from_node=np.concatenate([network.from_node, new_node]),
        to_node=np.concatenate([to_node, junction]),
        length_m=np.concatenate([first_half, network.length_m[loops] - first_half[loops]]),
        road_class=twice(network.road_class),
        speed_kmh=twice(network.speed_kmh),
        forward=twice(network.forward),
        backward=twice(network.backward),
        truck=twice(network.truck),
        max_width_cm=twice(network.max_width_cm),
        max_height_cm=twice(network.max_height_cm),
        max_weight_kg=twice(network.max_weight_kg),
        name=twice(network.name),
        rule=twice(network.rule),
        shape_start=shape_start,
        shape_lon=shape_lon[picked],
        shape_lat=shape_lat[picked],
        forbidden_turns=_with_halves(network, loops),
    )


def _share_before(network: RoadNetwork, row: int) -> float:
    """Return how much of a loop's length lies before its middle bend, as a share."""
    start, end = int(network.shape_start[row]), int(network.shape_start[row + 1])
    if end == start:
        return 0.5
    node = int(network.from_node[row])
    lon = np.concatenate([[network.lon[node]], network.shape_lon[start:end], [network.lon[node]]])
    lat = np.concatenate([[network.lat[node]], network.shape_lat[start:end], [network.lat[node]]])
    pieces = np.hypot(np.diff(lon) * np.cos(np.radians(lat[0])), np.diff(lat))
    whole = float(pieces.sum())
    return float(pieces[: (start + end) // 2 - start + 1].sum()) / whole if whole else 0.5


def _with_halves(network: RoadNetwork, loops: NDArray[np.int64]) -> NDArray[np.int64]:
    turns = network.forbidden_turns
    second = np.full(len(network.length_m), -1, dtype=np.int64)
    second[loops] = np.arange(len(network.length_m), len(network.length_m) + len(loops))
    for column in (0, 2):
        more = turns[second[turns[:, column]] >= 0].copy()
        more[:, column] = second[more[:, column]]
        turns = np.concatenate([turns, more])
    return turns
