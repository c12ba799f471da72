"""The road network between its arrays and its tables, both ways, in chunks."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isnan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sqlalchemy import Select, delete, func, insert, or_, select
from sqlmodel import Session, col

from city.network import RoadNetwork
from city.roads import ForbiddenTurn, RoadNode, RoadSegment

# Rows handed over at a time: enough to be fast, few enough to stay small.
CHUNK = 20_000

# Bends are stored as pairs of longitude and latitude.
BEND = np.dtype("<f8")
BEND_BYTES = 2 * BEND.itemsize

_NODE_TYPES: Mapping[str, DTypeLike] = {"id": np.int64, "lon": np.float64, "lat": np.float64}
_TURN_TYPES: Mapping[str, DTypeLike] = {"from_segment": np.int64, "via_node": np.int64, "to_segment": np.int64}
_LIMITS = ("max_width_cm", "max_height_cm", "max_weight_kg")
# Columns that are in the arrays what they are in the table, no limit being 0 and no speed NaN.
_PLAIN: Mapping[str, DTypeLike] = {
    "way_id": np.int64,
    "length_m": np.float32,
    "road_class": np.uint8,
    "speed_kmh": np.float32,
    "forward": np.bool_,
    "backward": np.bool_,
    "truck": np.bool_,
    **dict.fromkeys(_LIMITS, np.int32),
}
_SEGMENT_TYPES: Mapping[str, DTypeLike] = {
    "id": np.int64,
    "from_node": np.int64,
    "to_node": np.int64,
    **_PLAIN,
    "name": np.object_,
    "rules": np.object_,
    "shape": np.object_,
}


class Box(NamedTuple):
    """A part of the globe, WGS 84 degrees."""

    west: float
    south: float
    east: float
    north: float


def write_network(session: Session, network: RoadNetwork) -> None:
    """Put a network in the place of the one stored."""
    connection = session.connection()
    for table in (ForbiddenTurn, RoadSegment, RoadNode):
        connection.execute(delete(table))
    for rows in _chunks(len(network.node_id)):
        nodes = {"id": network.node_id[rows], "lon": network.lon[rows], "lat": network.lat[rows]}
        connection.execute(insert(RoadNode), _records(nodes))
    for rows in _chunks(len(network.segment_id)):
        connection.execute(insert(RoadSegment), _segments(network, rows))
    for rows in _chunks(len(network.forbidden_turns)):
        before, via, after = network.forbidden_turns[rows].T
        turns = {
            "from_segment": network.segment_id[before],
            "via_node": network.node_id[via],
            "to_segment": network.segment_id[after],
        }
        connection.execute(insert(ForbiddenTurn), _records(turns))


def load_network(session: Session, box: Box | None = None) -> RoadNetwork:
    """Read the road network, the whole or what touches a box, junctions and segments in the order of their ids.

    Parameters
    ----------
    session
        One of `reading`, which sees one moment of the database however many queries it makes.
    box
        If given, only segments with an end in it, and the junctions these need.
    """
    nodes = _read(session, RoadNode, _NODE_TYPES)
    segments = _read(session, RoadSegment, _SEGMENT_TYPES, _touching(box))
    turns = _read(session, ForbiddenTurn, _TURN_TYPES)
    if box is not None:
        ends = np.concatenate([segments["from_node"], segments["to_node"]])
        nodes = _only(nodes, np.isin(nodes["id"], ends))
        of_both = [np.isin(turns[end], segments["id"]) for end in ("from_segment", "to_segment")]
        turns = _only(turns, np.logical_and(*of_both))
    names = tuple(sorted({"", *segments["name"]}))
    row_of = {name: row for row, name in enumerate(names)}
    rules = tuple(sorted({"", *segments["rules"]}))
    row_of_rule = {text: row for row, text in enumerate(rules)}
    shapes = segments["shape"]
    bends = np.frombuffer(b"".join(shapes), BEND).reshape(-1, 2)
    return RoadNetwork(
        node_id=nodes["id"],
        lon=nodes["lon"],
        lat=nodes["lat"],
        segment_id=segments["id"],
        from_node=np.searchsorted(nodes["id"], segments["from_node"]).astype(np.int32),
        to_node=np.searchsorted(nodes["id"], segments["to_node"]).astype(np.int32),
        **{name: segments[name] for name in _PLAIN},
        name=np.fromiter((row_of[name] for name in segments["name"]), np.int32, len(segments["name"])),
        names=names,
        rule=np.fromiter((row_of_rule[text] for text in segments["rules"]), np.int32, len(segments["rules"])),
        rules=rules,
        shape_start=np.cumsum([0, *(len(shape) // BEND_BYTES for shape in shapes)], dtype=np.int64),
        shape_lon=bends[:, 0].astype(np.float64),
        shape_lat=bends[:, 1].astype(np.float64),
        forbidden_turns=np.column_stack(
            [
                np.searchsorted(segments["id"], turns["from_segment"]),
                np.searchsorted(nodes["id"], turns["via_node"]),
                np.searchsorted(segments["id"], turns["to_segment"]),
            ]
        ).astype(np.int64),
    )


def _segments(network: RoadNetwork, rows: slice) -> list[dict[str, Any]]:
    starts = network.shape_start[rows.start : rows.stop + 1]
    bent = slice(starts[0], starts[-1])
    bends = np.column_stack([network.shape_lon[bent], network.shape_lat[bent]]).astype(BEND).tobytes()
    offsets = ((starts - starts[0]) * BEND_BYTES).tolist()
    columns: dict[str, Any] = {
        "id": network.segment_id[rows],
        "from_node": network.node_id[network.from_node[rows]],
        "to_node": network.node_id[network.to_node[rows]],
        **{name: getattr(network, name)[rows] for name in _PLAIN},
        "name": [network.names[row] for row in network.name[rows].tolist()],
        "rules": [network.rules[row] for row in network.rule[rows].tolist()],
        "shape": [bends[start:end] or None for start, end in pairwise(offsets)],
    }
    columns["speed_kmh"] = [None if isnan(speed) else speed for speed in columns["speed_kmh"].tolist()]
    for limit in _LIMITS:
        columns[limit] = [value or None for value in columns[limit].tolist()]
    return _records(columns)


def _records(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Turn columns into rows of plain Python values, which is what database drivers take."""
    plain = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]


def _read(session: Session, table: Any, types: Mapping[str, DTypeLike], only: Any = None) -> dict[str, NDArray[Any]]:
    """Read columns of a table as arrays, in the order of its key."""
    stored = table.__table__
    empty = {**dict.fromkeys(_LIMITS, 0), "shape": b""}
    columns = [
        func.coalesce(stored.c[name], empty[name]) if name in empty else stored.c[name]  # no value is 0 or no bends
        for name in types
    ]
    query: Select[Any] = select(*columns).order_by(*stored.primary_key.columns)
    if only is not None:
        query = query.where(only)
    parts: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, kind)] for name, kind in types.items()}
    for chunk in session.connection().execute(query).partitions(CHUNK):
        for (name, kind), values in zip(types.items(), zip(*chunk, strict=True), strict=True):
            parts[name].append(np.array(values, kind))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _touching(box: Box | None) -> Any:
    if box is None:
        return None
    inside = (
        select(col(RoadNode.id))
        .where(col(RoadNode.lon).between(box.west, box.east))
        .where(col(RoadNode.lat).between(box.south, box.north))
        .scalar_subquery()
    )
    return or_(col(RoadSegment.from_node).in_(inside), col(RoadSegment.to_node).in_(inside))


def _only(columns: Mapping[str, NDArray[Any]], kept: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    return {name: values[kept] for name, values in columns.items()}


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, length)) for start in range(0, length, CHUNK))
