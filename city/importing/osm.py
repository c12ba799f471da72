"""Reads the streets of an OpenStreetMap file (``.osm``, ``.osm.gz``, ``.osm.bz2``, ``.osm.pbf``) as a road network."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from city.errors import CityError
from city.importing.osm_access import MODES
from city.importing.osm_conditions import Tags
from city.importing.osm_pieces import Pieces, Ways, cut
from city.importing.osm_tags import LIMIT_KEYS, Street, limits, stops_trucks, street
from city.importing.osm_turns import Arc, Crossings, Outcome, Restriction, Turns, restriction
from city.network import RoadNetwork

SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf")

UNITS_PER_DEGREE = 1e7
MISSING = 2**31 - 1

Limits = tuple[int, int, int]

# An object without any of these tags is of no interest.
_KEYS = ("highway", "barrier", "restriction", *(f"restriction:{mode}" for mode in MODES[:-1]), *LIMIT_KEYS)

_COLUMNS = (
    ("road_class", np.uint8),
    ("speed_kmh", np.float32),
    ("forward", np.bool_),
    ("backward", np.bool_),
    ("truck", np.bool_),
    ("max_width_cm", np.int32),
    ("max_height_cm", np.int32),
    ("max_weight_kg", np.int32),
)


@dataclass(frozen=True, slots=True)
class RoadsRead:
    """A road network and what became of the file's contents.

    Attributes
    ----------
    network
        The streets.
    ways
        How many ways they come from.
    closed_segments
        Segments that goods vehicles may not use.
    barriers
        Bollards and the like that cut a street in two.
    missing_nodes
        Places of ways that the file does not hold; the way ends there.
    restrictions
        How many turn restrictions had which outcome.
    conditional_ways
        Ways that are closed, limited or slower at certain hours or for some trucks; what their rules are stands in the
        network.
    unread
        Values of tags that could not be read, with how often they came.
    """

    network: RoadNetwork
    ways: int
    closed_segments: int
    barriers: int
    missing_nodes: int
    restrictions: Counter[Outcome]
    conditional_ways: int
    unread: Counter[str]


@dataclass(slots=True)
class _Found:
    """What one pass over the file collects: ways and their nodes in the order of the file, and the rest."""

    way_ids: list[int] = field(default_factory=list)
    streets: list[Street] = field(default_factory=list)
    # Of each way the nodes: id, and longitude and latitude in units of 1e-7 degrees, which is how osmium keeps them.
    places: list[NDArray[np.int64]] = field(default_factory=list)
    barriers: list[int] = field(default_factory=list)
    node_limits: dict[int, Limits] = field(default_factory=dict)
    restrictions: list[Restriction] = field(default_factory=list)


def read_roads(path: Path) -> RoadsRead:
    """Read the streets that vehicles use, with everything a truck has to mind.

    Raises
    ------
    CityError
        If the file cannot be read as OpenStreetMap data, or holds no street.
    """
    found = _read(path)
    if not found.streets:
        raise CityError(f"{path}: there is no street in it; is it an extract with the city's roads?")
    rows = np.argsort(np.array(found.way_ids, np.int64), kind="stable").tolist()
    streets = [found.streets[row] for row in rows]
    way_ids = np.array([found.way_ids[row] for row in rows], np.int64)
    places = np.concatenate([found.places[row] for row in rows])
    degrees = np.where(places[:, 1:] == MISSING, np.nan, places[:, 1:] / UNITS_PER_DEGREE)
    if np.isnan(degrees).all():
        raise CityError(
            f"{path}: no street has a place, because no node stands before the ways; sort the file (osmium sort)"
        )
    ways = Ways(np.repeat(np.arange(len(rows)), [len(found.places[row]) for row in rows]), places[:, 0], *degrees.T)
    barriers = np.array(sorted(found.barriers), np.int64)
    pieces = cut(ways, barriers)
    network = _network(pieces, streets, way_ids, found.node_limits)
    turns = Crossings(_arcs(network)).forbid(found.restrictions)
    return RoadsRead(
        network=_with_turns(network, turns),
        ways=len(np.unique(pieces.way)),
        closed_segments=int((~network.truck).sum()),
        barriers=int(np.isin(barriers, pieces.ways.node).sum()),
        missing_nodes=int(np.isnan(ways.lon).sum()),
        restrictions=Counter(outcome for _, outcome in turns.outcomes),
        conditional_ways=sum(bool(one.rules) for one in streets),
        unread=Counter(chain.from_iterable(one.unread for one in streets)),
    )


def _read(path: Path) -> _Found:
    import osmium  # noqa: PLC0415 - a heavy library that only an import needs

    found = _Found()
    known: set[int] = set()
    entities = osmium.FileProcessor(path).with_locations().with_filter(osmium.filter.KeyFilter(*_KEYS))
    try:
        for one in entities:
            tags = {tag.k: tag.v for tag in one.tags}
            match one:
                case osmium.osm.Node():
                    _read_node(found, one.id, tags)
                case osmium.osm.Way() if one.id not in known:
                    known.add(one.id)
                    _read_way(found, one.id, tags, [(node.ref, node.x, node.y) for node in one.nodes])
                case osmium.osm.Relation():
                    members = [(member.type, member.ref, member.role) for member in one.members]
                    rule = restriction(one.id, tags, members)
                    if rule is not None:
                        found.restrictions.append(rule)
    except (RuntimeError, OSError) as error:
        raise CityError(f"{path}: cannot be read as OpenStreetMap data: {error}") from error
    return found


def _read_node(found: _Found, node: int, tags: Tags) -> None:
    if stops_trucks(tags):
        found.barriers.append(node)
    limit = limits(tags, [])
    if any(limit):
        found.node_limits[node] = limit


def _read_way(found: _Found, way: int, tags: Tags, places: Sequence[tuple[int, int, int]]) -> None:
    seen = street(tags)
    if seen is not None and len(places) > 1:
        found.way_ids.append(way)
        found.streets.append(seen)
        found.places.append(np.array(places, np.int64))


def _network(
    pieces: Pieces, streets: list[Street], way_ids: NDArray[np.int64], node_limits: Mapping[int, Limits]
) -> RoadNetwork:
    nodes, first_end = np.unique(np.concatenate([pieces.from_node, pieces.to_node]), return_index=True)
    ends = np.concatenate([pieces.first, pieces.last])[first_end]
    names = sorted({"", *(one.name for one in streets)})
    row_of = {name: row for row, name in enumerate(names)}
    name = np.array([row_of[one.name] for one in streets], np.int32)
    rules = sorted({"", *(one.rules for one in streets)})
    row_of_rule = {text: row for row, text in enumerate(rules)}
    rule = np.array([row_of_rule[one.rules] for one in streets], np.int32)
    inner = np.ones(len(pieces.ways.node), bool)
    inner[pieces.first] = inner[pieces.last] = False
    columns: dict[str, Any] = {
        column: np.array([getattr(one, column) for one in streets], kind)[pieces.way] for column, kind in _COLUMNS
    }
    for (column, _), values in zip(_COLUMNS[-3:], _tightened(pieces, columns, node_limits), strict=True):
        columns[column] = values
    return RoadNetwork(
        node_id=nodes,
        lon=pieces.ways.lon[ends],
        lat=pieces.ways.lat[ends],
        segment_id=np.arange(1, len(pieces.way) + 1),
        way_id=way_ids[pieces.way],
        from_node=np.searchsorted(nodes, pieces.from_node).astype(np.int32),
        to_node=np.searchsorted(nodes, pieces.to_node).astype(np.int32),
        length_m=pieces.length_m.astype(np.float32),
        **columns,
        name=name[pieces.way],
        names=tuple(names),
        rule=rule[pieces.way],
        rules=tuple(rules),
        shape_start=np.concatenate([[0], np.cumsum(pieces.last - pieces.first - 1)]).astype(np.int64),
        shape_lon=pieces.ways.lon[inner],
        shape_lat=pieces.ways.lat[inner],
        forbidden_turns=np.empty((0, 3), np.int64),
    )


def _tightened(
    pieces: Pieces, columns: Mapping[str, NDArray[Any]], node_limits: Mapping[int, Limits]
) -> tuple[NDArray[Any], ...]:
    """Apply what stands on a node, such as a height barrier, to the street it stands in.

    Where streets cross it is not clear which of them is meant, and the limit is left out.
    """
    limited = [columns[column].copy() for column, _ in _COLUMNS[-3:]]
    nodes = np.array(sorted(node_limits), np.int64)
    ends = np.concatenate([pieces.from_node, pieces.to_node])
    crossing = Counter(ends[np.isin(ends, nodes)].tolist())
    for place in np.flatnonzero(np.isin(pieces.ways.node, nodes)).tolist():
        touching = np.flatnonzero((pieces.first <= place) & (place <= pieces.last))
        node = int(pieces.ways.node[place])
        if crossing[node] > 2:
            continue
        for values, limit in zip(limited, node_limits[node], strict=True):
            if limit:
                values[touching] = np.where(values[touching] > 0, np.minimum(values[touching], limit), limit)
    return tuple(limited)


def _arcs(network: RoadNetwork) -> Iterator[tuple[int, Arc]]:
    ends = zip(
        network.way_id.tolist(),
        network.node_id[network.from_node].tolist(),
        network.node_id[network.to_node].tolist(),
        network.forward.tolist(),
        network.backward.tolist(),
        strict=True,
    )
    for row, (way, tail, head, forward, backward) in enumerate(ends):
        if forward:
            yield way, Arc(row, tail, head)
        if backward:
            yield way, Arc(row, head, tail)


def _with_turns(network: RoadNetwork, turns: Turns) -> RoadNetwork:
    forbidden = np.array(sorted(turns.forbidden), np.int64).reshape(-1, 3)
    forbidden[:, 1] = np.searchsorted(network.node_id, forbidden[:, 1])
    return replace(network, forbidden_turns=forbidden)
