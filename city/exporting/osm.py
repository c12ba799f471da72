"""Writes a road network as an OpenStreetMap file, with everything that an import of the file needs to restore it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from city.importing.osm_tags import CLASSES
from city.network import RoadClass, RoadNetwork
from city.road_rules import RoadRule, format_week, parse_rules

# The first of several words for one class is the plainest.
_HIGHWAY = {road_class: word for word, road_class in reversed(CLASSES.items())}
_RULES = (
    "road_class",
    "speed_kmh",
    "forward",
    "backward",
    "truck",
    "max_width_cm",
    "max_height_cm",
    "max_weight_kg",
    "rule",
)


def write_roads(network: RoadNetwork, path: Path) -> None:
    """Write a network, as a kind of file that the path's ending names.

    Ways keep their ids as far as one way can hold all their segments: where a turn is forbidden every way must end,
    and a piece cut off gets a new id. Bends get new ids, too.

    Parameters
    ----------
    network
        The streets, segments of a way in driving order next to one another.
    path
        A file that is not there yet.
    """
    import osmium  # noqa: PLC0415 - a heavy library that only this needs
    from osmium.osm import mutable  # noqa: PLC0415

    way_id, start = _ways(network)
    node_id = network.node_id if network.node_id.min(initial=1) > 0 else np.arange(1, len(network.node_id) + 1)
    first_bend = int(node_id.max(initial=0)) + 1
    with osmium.SimpleWriter(str(path)) as writer:
        for row in np.argsort(node_id, kind="stable").tolist():
            writer.add_node(mutable.Node(id=int(node_id[row]), location=(network.lon[row], network.lat[row])))
        for row, place in enumerate(zip(network.shape_lon.tolist(), network.shape_lat.tolist(), strict=True)):
            writer.add_node(mutable.Node(id=first_bend + row, location=place))
        for way in np.argsort(way_id[start[:-1]], kind="stable").tolist():
            segments = range(start[way], start[way + 1])
            nodes = list(_nodes(network, segments, node_id, first_bend))
            writer.add_way(mutable.Way(id=int(way_id[segments[0]]), nodes=nodes, tags=_tags(network, segments[0])))
        for number, (before, via, after) in enumerate(network.forbidden_turns.tolist(), start=1):
            from_way, junction, to_way = int(way_id[before]), int(node_id[via]), int(way_id[after])
            members = [("w", from_way, "from"), ("n", junction, "via"), ("w", to_way, "to")]
            tags = {"type": "restriction", "restriction": _turn(network, before, via, after)}
            writer.add_relation(mutable.Relation(id=number, members=members, tags=tags))


def _ways(network: RoadNetwork) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the OSM way of every segment, and where the ways' segments start."""
    count = len(network.way_id)
    new = np.ones(count, bool)
    new[1:] = (network.way_id[1:] != network.way_id[:-1]) | (network.from_node[1:] != network.to_node[:-1])
    new[1:] |= network.name[1:] != network.name[:-1]
    for rule in _RULES:
        values = getattr(network, rule)
        new[1:] |= ~np.equal(values[1:], values[:-1]) & ~((values[1:] != values[1:]) & (values[:-1] != values[:-1]))
    new[1:] |= np.isin(network.from_node[1:], network.forbidden_turns[:, 1])
    start = np.flatnonzero(new)
    way_id = network.way_id[start].copy()
    again = np.ones(len(start), bool)
    again[np.unique(way_id, return_index=True)[1]] = False
    way_id[again] = int(way_id.max(initial=0)) + 1 + np.arange(again.sum())
    bounds = np.append(start, count)
    return np.repeat(way_id, np.diff(bounds)), bounds


def _nodes(network: RoadNetwork, segments: range, node_id: NDArray[np.int64], first_bend: int) -> Iterator[int]:
    """Yield the ids of a way's nodes in order."""
    yield int(node_id[network.from_node[segments[0]]])
    for segment in segments:
        bends = range(*network.shape_start[segment : segment + 2].tolist())
        yield from (first_bend + bend for bend in bends)
        yield int(node_id[network.to_node[segment]])


def _tags(network: RoadNetwork, segment: int) -> dict[str, str]:
    road_class = RoadClass(int(network.road_class[segment]))
    tags = {"highway": _HIGHWAY[road_class]}
    if name := network.names[network.name[segment]]:
        tags["name"] = name
    match bool(network.forward[segment]), bool(network.backward[segment]):
        case True, False:
            tags["oneway"] = "yes"
        case False, True:
            tags["oneway"] = "-1"
        case False, False:
            tags["oneway"] = "reversible"
        case _ if road_class is RoadClass.MOTORWAY:
            tags["oneway"] = "no"
    if not network.truck[segment]:
        tags["hgv"] = "no"
    elif road_class is RoadClass.TRACK:
        tags["tracktype"] = "grade1"
    if not np.isnan(network.speed_kmh[segment]):
        tags["maxspeed"] = f"{network.speed_kmh[segment]:g}"
    for tag, limit, unit in (
        ("maxwidth", network.max_width_cm, 100),
        ("maxheight", network.max_height_cm, 100),
        ("maxweight", network.max_weight_kg, 1000),
    ):
        if limit[segment]:
            tags[tag] = f"{limit[segment] / unit:g}"
    for rule in parse_rules(network.rules[network.rule[segment]]):
        key = "maxspeed:hgv:conditional" if rule.kmh else "hgv:conditional"
        tags[key] = "; ".join(filter(None, (tags.get(key), _clause(rule))))
    return tags


def _clause(rule: RoadRule) -> str:
    value = f"{rule.kmh:g}" if rule.kmh else "permit" if rule.without_permit else "no"
    weight = f" AND weight>{rule.above_kg / 1000:g}" if rule.above_kg else ""
    return f"{value} @ ({format_week(rule.hours)}{weight})"


def _turn(network: RoadNetwork, before: int, via: int, after: int) -> str:
    """Name a forbidden turn by its angle; an import does not mind which."""
    if before == after:
        return "no_u_turn"
    arriving, leaving = -_away(network, before, via), _away(network, after, via)
    angle = np.degrees(np.angle(leaving / arriving))
    return "no_straight_on" if abs(angle) < 40 else "no_left_turn" if angle > 0 else "no_right_turn"


def _away(network: RoadNetwork, segment: int, node: int) -> complex:
    """Return the direction in which a segment leaves a junction."""
    bends = slice(*network.shape_start[segment : segment + 2].tolist())
    lon = [network.lon[network.from_node[segment]], *network.shape_lon[bends], network.lon[network.to_node[segment]]]
    lat = [network.lat[network.from_node[segment]], *network.shape_lat[bends], network.lat[network.to_node[segment]]]
    start, following = (0, 1) if network.from_node[segment] == node else (-1, -2)
    east = (lon[following] - lon[start]) * np.cos(np.radians(lat[start]))
    return complex(east, lat[following] - lat[start])
