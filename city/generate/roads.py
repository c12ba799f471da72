"""The streets as the registry keeps them: a road network on the globe, numbered and measured as an import would."""

import numpy as np
from numpy.typing import NDArray

from city.generate.land import Places
from city.generate.layout import Layout
from city.generate.streets import Streets
from city.generate.traffic import Traffic
from city.importing.osm_pieces import WGS84, Ways, cut
from city.network import RoadNetwork

# A thinly settled coast; the city is made up.
MIDDLE_LON, MIDDLE_LAT = 120.87, 33.05
# OpenStreetMap's files keep seven decimals of a degree, about a centimetre.
_DECIMALS = 7


def on_globe(places: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude of places in metres around the city's middle."""
    squared = 1 - WGS84.es * np.sin(np.radians(MIDDLE_LAT)) ** 2
    east_radius = WGS84.a / np.sqrt(squared) * np.cos(np.radians(MIDDLE_LAT))
    north_radius = WGS84.a * (1 - WGS84.es) / squared**1.5
    lon = MIDDLE_LON + np.degrees(places.real / east_radius)
    lat = MIDDLE_LAT + np.degrees(places.imag / north_radius)
    return np.round(lon, _DECIMALS), np.round(lat, _DECIMALS)


def build_network(streets: Streets) -> RoadNetwork:
    """Put the streets on the globe."""
    layout, traffic, turns = streets.layout, streets.traffic, streets.turns
    way = _ways(layout, traffic, turns)
    follows = np.append(False, way[1:] == way[:-1])
    vertices = [path[joined:] for path, joined in zip(layout.path, follows.tolist(), strict=True)]
    used, node = np.unique(np.concatenate([np.array(part) for part in vertices]), return_inverse=True)
    lon, lat = on_globe(layout.place[used])
    ways = Ways(np.repeat(way, [len(part) for part in vertices]), node + 1, lon[node], lat[node])
    pieces = cut(ways, np.empty(0, np.int64))
    junction = np.unique(np.concatenate([pieces.from_node, pieces.to_node]))
    bend = np.ones(len(ways.node), bool)
    bend[pieces.first] = bend[pieces.last] = False
    row = np.searchsorted(junction - 1, np.searchsorted(used, turns[:, 1]))
    return RoadNetwork(
        node_id=junction,
        lon=lon[junction - 1],
        lat=lat[junction - 1],
        segment_id=np.arange(1, len(way) + 1),
        way_id=way + 1,
        from_node=np.searchsorted(junction, pieces.from_node).astype(np.int32),
        to_node=np.searchsorted(junction, pieces.to_node).astype(np.int32),
        length_m=pieces.length_m.astype(np.float32),
        road_class=layout.road_class,
        speed_kmh=traffic.speed_kmh,
        forward=np.ones(len(way), bool),
        backward=~traffic.one_way,
        truck=traffic.truck,
        max_width_cm=traffic.max_width_cm,
        max_height_cm=traffic.max_height_cm,
        max_weight_kg=traffic.max_weight_kg,
        name=layout.street.astype(np.int32),
        names=tuple(streets.names),
        shape_start=np.concatenate([[0], np.cumsum(pieces.last - pieces.first - 1)]).astype(np.int64),
        shape_lon=ways.lon[bend],
        shape_lat=ways.lat[bend],
        forbidden_turns=np.column_stack([turns[:, 0], row, turns[:, 2]]),
    )


def _ways(layout: Layout, traffic: Traffic, turns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the ways: segments of a run, until a rule changes or a turn is forbidden where they meet."""
    ends = layout.ends
    new = np.ones(len(ends), bool)
    new[1:] = np.isin(ends[1:, 0], turns[:, 1])
    new[layout.run_start[:-1]] = True
    for rule in (
        traffic.one_way,
        traffic.truck,
        traffic.max_width_cm,
        traffic.max_height_cm,
        traffic.max_weight_kg,
    ):
        new[1:] |= rule[1:] != rule[:-1]
    return np.asarray(np.cumsum(new) - 1)
