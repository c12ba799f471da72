"""One form for every road network, so that the same roads always have the same version and come back as they went."""

import hashlib
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from city.errors import CityError
from city.network import RoadNetwork

# Changes when the form itself changes, so that no cache outlives it.
_FORM = b"dustcart roads 2"


def canonical(network: RoadNetwork) -> RoadNetwork:
    """Return the network with junctions and segments in the order of their ids, names and turns sorted.

    Raises
    ------
    CityError
        If the arrays do not fit together: an id twice, an end that is no junction, arrays of different lengths.
    """
    _must_fit_together(network)
    nodes = np.argsort(network.node_id, kind="stable")
    segments = np.argsort(network.segment_id, kind="stable")
    node_row, segment_row = _inverse(nodes), _inverse(segments)
    bends, shape_start = _bends_in(network.shape_start, segments)
    names, name = _sorted_texts(network.names, network.name[segments])
    rules, rule = _sorted_texts(network.rules, network.rule[segments])
    return replace(
        network,
        node_id=network.node_id[nodes],
        lon=network.lon[nodes],
        lat=network.lat[nodes],
        segment_id=network.segment_id[segments],
        way_id=network.way_id[segments],
        from_node=node_row[network.from_node[segments]].astype(np.int32),
        to_node=node_row[network.to_node[segments]].astype(np.int32),
        length_m=network.length_m[segments],
        road_class=network.road_class[segments],
        speed_kmh=network.speed_kmh[segments],
        forward=network.forward[segments],
        backward=network.backward[segments],
        truck=network.truck[segments],
        max_width_cm=network.max_width_cm[segments],
        max_height_cm=network.max_height_cm[segments],
        max_weight_kg=network.max_weight_kg[segments],
        name=name,
        names=names,
        rule=rule,
        rules=rules,
        shape_start=shape_start,
        shape_lon=network.shape_lon[bends],
        shape_lat=network.shape_lat[bends],
        forbidden_turns=_sorted_turns(network.forbidden_turns, node_row, segment_row),
    )


def version_of(network: RoadNetwork) -> str:
    """Return the SHA-256 of a network in canonical form; equal roads have equal versions on every machine."""
    digest = hashlib.sha256(_FORM)
    for field in fields(network):
        value = getattr(network, field.name)
        if isinstance(value, np.ndarray):
            little_endian = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
            part = little_endian.tobytes()
        else:
            part = "\0".join(value).encode()
        digest.update(f"|{field.name}:{len(part)}|".encode())
        digest.update(part)
    return digest.hexdigest()


def _must_fit_together(network: RoadNetwork) -> None:
    nodes, segments, bends = len(network.node_id), len(network.segment_id), len(network.shape_lon)
    lengths = {
        **dict.fromkeys((field.name for field in fields(network)), segments),
        **dict.fromkeys(("node_id", "lon", "lat"), nodes),
        **dict.fromkeys(("shape_lon", "shape_lat"), bends),
        "shape_start": segments + 1,
        "names": len(network.names),
        "rules": len(network.rules),
        "forbidden_turns": len(network.forbidden_turns),
    }
    for field, length in lengths.items():
        if len(getattr(network, field)) != length:
            raise CityError(f"road network: {field} has {len(getattr(network, field))} rows where {length} are due")
    for kind, ids in (("junction", network.node_id), ("segment", network.segment_id)):
        in_order = np.sort(ids)
        twice = in_order[:-1][in_order[1:] == in_order[:-1]]
        if len(twice):
            raise CityError(f"road network: {kind} {twice[0]} is there twice")
    turns = network.forbidden_turns.reshape(-1, 3)
    for field, rows, limit in (
        ("from_node", network.from_node, nodes),
        ("to_node", network.to_node, nodes),
        ("name", network.name, len(network.names)),
        ("rule", network.rule, len(network.rules)),
        ("forbidden_turns (from)", turns[:, 0], segments),
        ("forbidden_turns (via)", turns[:, 1], nodes),
        ("forbidden_turns (to)", turns[:, 2], segments),
    ):
        outside = np.flatnonzero((rows < 0) | (rows >= limit))
        if len(outside):
            raise CityError(f"road network: {field} of row {outside[0]} is {rows[outside[0]]}; there are {limit}")
    if network.shape_start[0] != 0 or network.shape_start[-1] != bends or (np.diff(network.shape_start) < 0).any():
        raise CityError(f"road network: shape_start does not share out the {bends} bends")


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = np.empty(len(order), np.int64)
    rows[order] = np.arange(len(order))
    return rows


def _bends_in(
    shape_start: NDArray[np.int64], segments: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the bends in the new order of segments, and where each segment's bends start."""
    lengths = np.diff(shape_start)[segments]
    start = np.zeros(len(segments) + 1, np.int64)
    np.cumsum(lengths, out=start[1:])
    rows = np.arange(start[-1]) + np.repeat(shape_start[segments] - start[:-1], lengths)
    return rows, start


def _sorted_texts(names: tuple[str, ...], name: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Keep the texts in use, the empty one first."""
    used = sorted({"", *(names[row] for row in np.unique(name))})
    row_of = {text: row for row, text in enumerate(used)}
    renumbered = np.array([row_of.get(text, 0) for text in names], np.int32)
    return tuple(used), renumbered[name] if len(name) else name


def _sorted_turns(
    turns: NDArray[np.int64], node_row: NDArray[np.int64], segment_row: NDArray[np.int64]
) -> NDArray[np.int64]:
    turns = turns.reshape(-1, 3)
    moved = np.column_stack([segment_row[turns[:, 0]], node_row[turns[:, 1]], segment_row[turns[:, 2]]])
    return np.unique(moved, axis=0).astype(np.int64)
