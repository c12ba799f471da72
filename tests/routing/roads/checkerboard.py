"""A made-up city of blocks with arterials, one-way streets, gaps and forbidden turns, as large as one likes."""

import numpy as np

from city.network import RoadClass, RoadNetwork

BLOCK_M = 120.0
M_PER_DEG = 111_195.0


def checkerboard(columns: int, rows: int, seed: int) -> RoadNetwork:
    """Draw columns by rows junctions near 31 degrees north, shaken off the grid; about three edges a junction."""
    rng = np.random.default_rng(seed)
    node = np.arange(columns * rows)
    column, row = node % columns, node // columns
    lat0 = 31.2
    lon = 121.4 + (column + rng.uniform(-0.3, 0.3, len(node))) * BLOCK_M / (M_PER_DEG * np.cos(np.radians(lat0)))
    lat = lat0 + (row + rng.uniform(-0.3, 0.3, len(node))) * BLOCK_M / M_PER_DEG
    east, north = node[column < columns - 1], node[row < rows - 1]
    start = np.concatenate([east, north])
    end = np.concatenate([east + 1, north + columns])
    line = np.concatenate([row[east], column[north]])
    arterial = line % 10 == 0
    drawn = arterial | (rng.random(len(start)) > 0.13)
    start, end, line, arterial = start[drawn], end[drawn], line[drawn], arterial[drawn]
    flip = rng.random(len(start)) < 0.5
    start, end = np.where(flip, end, start), np.where(flip, start, end)
    oneway = ~arterial & (rng.random(len(start)) < 0.34)
    size = len(start)
    collector = ~arterial & (line % 5 == 0)
    road_class = np.select([arterial, collector], [RoadClass.PRIMARY, RoadClass.TERTIARY], RoadClass.RESIDENTIAL)
    length = np.hypot((lon[start] - lon[end]) * np.cos(np.radians(lat0)), lat[start] - lat[end]) * M_PER_DEG
    # Some turns at junctions are forbidden: from a segment into another one that touches its end.
    touching = np.argsort(np.concatenate([start, end]), kind="stable") % size
    sign = rng.integers(0, len(touching) - 1, size // 50)
    before, after = touching[sign], touching[sign + 1]
    shared = np.where((end[before] == start[after]) | (end[before] == end[after]), end[before], start[before])
    none = np.zeros(size, dtype=np.int32)
    return RoadNetwork(
        node_id=node.astype(np.int64),
        lon=lon,
        lat=lat,
        segment_id=np.arange(size, dtype=np.int64),
        way_id=np.arange(size, dtype=np.int64) // 3,
        from_node=start.astype(np.int32),
        to_node=end.astype(np.int32),
        length_m=length.astype(np.float32),
        road_class=road_class.astype(np.uint8),
        speed_kmh=np.full(size, np.nan, dtype=np.float32),
        forward=np.ones(size, dtype=np.bool_),
        backward=~oneway,
        truck=np.ones(size, dtype=np.bool_),
        max_width_cm=none,
        max_height_cm=none,
        max_weight_kg=none,
        name=none,
        names=("",),
        shape_start=np.zeros(size + 1, dtype=np.int64),
        shape_lon=np.empty(0),
        shape_lat=np.empty(0),
        forbidden_turns=np.stack([before, shared, after], axis=1)[before != after].astype(np.int64),
    )
