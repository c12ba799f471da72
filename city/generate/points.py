"""Collection points and their bins: what stands at each site, when it is open and who is there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from city.generate.districts import Districts
from city.generate.drawing import NOTHING
from city.generate.names import DistrictName
from city.generate.places import PointSites, reach
from city.generate.roads import on_globe
from city.generate.streets import Streets
from city.registry import Bin, CollectionPoint, PointKind
from city.streams import Stream

# Drop-off by the clock: residents bring their waste in two windows a day, and rooms are locked in between. Crews come
# while somebody is there. How often which hours, and whether a room is attended then.
_ROOM_HOURS = (
    (0.40, "06:30-09:30,17:30-21:00"),
    (0.20, "06:00-10:00,16:00-20:30"),
    (0.05, "07:00-12:00"),
    (0.35, ""),
)
# In pedestrian streets trucks come before the shops open or after they close.
_BUSY_STREET_HOURS = "06:00-09:00,20:00-23:00"
_BUSY, _BUSY_STREET_SHARE = 0.75, 0.15
_ATTENDED_ISLES = 0.15
# Time to reach and open the point: least and most, seconds.
_SERVICE_S = {PointKind.BIN_ROOM: (75, 180), PointKind.ISLE: (45, 90), PointKind.STREET: (20, 45)}
# What only the smallest trucks reach, if the street itself says nothing.
_SMALL_TRUCKS_CM = 220


class Container(NamedTuple):
    """A size of bin: usable volume, and inner depth to where it counts as full (EN 840 for those on wheels)."""

    volume_l: int
    depth_cm: int


LITTER_60, LITTER_100 = Container(60, 55), Container(100, 65)
WHEELED_120, WHEELED_240 = Container(120, 75), Container(240, 88)
WHEELED_660, WHEELED_1100 = Container(660, 92), Container(1100, 100)


# Bins for dry waste in a room: up to which share of rooms which size, and how many are usual. Of a room's 700 kg a day
# (15,000 t over 21,000 stations) a part is swapped by attendants between two collections.
_ROOM_SIZES = ((0.4, WHEELED_1100, 3), (0.6, WHEELED_660, 4), (1.0, WHEELED_240, 9))


class Contents(NamedTuple):
    """So many equal bins of one stream."""

    stream: Stream
    container: Container
    number: int


def furnish(
    found: PointSites,
    streets: Streets,
    districts: Districts,
    names: Sequence[DistrictName],
    rng: np.random.Generator,
) -> tuple[list[CollectionPoint], list[Bin]]:
    """Make the collection points, in the order of their districts, with their bins."""
    sites = found.sites
    of = districts.of_segment[sites.segment]
    lon, lat = on_globe(sites.place)
    small_only = ~reach(streets).standard[sites.segment]
    traffic = streets.traffic
    limits = [limit[sites.segment].tolist() for limit in (traffic.max_width_cm, traffic.max_weight_kg)]
    taken = [0] * len(names)
    digits = max(4, len(str(int(np.bincount(of).max()))))
    points, bins = [], []
    for row in np.argsort(of, kind="stable").tolist():
        district = int(of[row])
        taken[district] += 1
        kind = found.kind[row]
        bustle = float(found.bustle[row])
        hours = _hours(kind, bustle, rng)
        width_cm, weight_kg = (limit[row] or None for limit in limits)
        if small_only[row] and width_cm is None and weight_kg is None:
            width_cm = _SMALL_TRUCKS_CM
        least, most = _SERVICE_S[kind]
        point = CollectionPoint(
            id=f"{names[district].id}-{taken[district]:0{digits}d}",
            district_id=names[district].id,
            kind=kind,
            name=_address(streets, int(sites.segment[row]), int(sites.house[row])),
            lon=float(lon[row]),
            lat=float(lat[row]),
            hours=hours,
            service_s=5 * round((least + (most - least) * rng.random()) / 5),
            attended=_is_attended(kind, hours, rng),
            max_width_cm=width_cm,
            max_height_cm=None,
            max_weight_kg=weight_kg,
            active=True,
        )
        points.append(point)
        for stream, container, equal in _contents(kind, bustle, rng):
            bins += [
                Bin(
                    id=f"{point.id}-{stream.value}-{number}",
                    point_id=point.id,
                    stream=stream,
                    usable_volume_l=container.volume_l,
                    depth_cm=container.depth_cm,
                    active=True,
                )
                for number in range(1, equal + 1)
            ]
    return points, bins


def _hours(kind: PointKind, bustle: float, rng: np.random.Generator) -> str:
    lot = rng.random()
    if kind is PointKind.STREET:
        return _BUSY_STREET_HOURS if bustle > _BUSY and lot < _BUSY_STREET_SHARE else ""
    if kind is PointKind.ISLE:
        return ""
    for share, hours in _ROOM_HOURS:
        lot -= share
        if lot < 0:
            return hours
    return ""


def _is_attended(kind: PointKind, hours: str, rng: np.random.Generator) -> bool:
    """Say whether somebody is there: in rooms with hours, and at some isles."""
    if kind is PointKind.ISLE:
        return rng.random() < _ATTENDED_ISLES
    return kind is PointKind.BIN_ROOM and hours != ""


def _contents(kind: PointKind, bustle: float, rng: np.random.Generator) -> list[Contents]:
    """Choose a point's bins by the number of people who use it, 1 being usual."""
    people = float(np.exp(0.35 * rng.standard_normal())) * (0.75 + 0.5 * bustle)
    lot = rng.random(4)
    match kind:
        case PointKind.STREET:
            litter = LITTER_100 if people > 1 else LITTER_60
            pair = [Contents(Stream.DRY, litter, 1)]
            return [*pair, Contents(Stream.RECYCLABLE, litter, 1)] if lot[0] < 0.6 else pair
        case PointKind.ISLE:
            dry = WHEELED_1100 if lot[0] < 0.6 else WHEELED_660
            return [
                Contents(Stream.DRY, dry, _number(2 * people, 1, 5)),
                Contents(Stream.WET, WHEELED_240, _number(2 * people, 1, 6)),
                Contents(Stream.RECYCLABLE, WHEELED_660 if lot[1] < 0.5 else WHEELED_240, 1),
            ]
        case PointKind.BIN_ROOM:
            dry, usual = next(sized[1:] for sized in _ROOM_SIZES if lot[0] < sized[0])
            return [
                Contents(Stream.DRY, dry, _number(usual * people, 1, 20)),
                Contents(Stream.WET, WHEELED_240 if lot[1] < 0.8 else WHEELED_120, _number(4.5 * people, 1, 12)),
                Contents(Stream.RECYCLABLE, WHEELED_240, _number(1.6 * people, 1, 4)),
                *([Contents(Stream.HAZARDOUS, WHEELED_120, 1)] if lot[2] < 0.8 else []),
            ]


def _number(wanted: float, least: int, most: int) -> int:
    return min(most, max(least, round(wanted)))


def _address(streets: Streets, segment: int, house: int) -> str:
    """Name a point by street and house number; a way without a name takes that of the street it leads off."""
    street = int(streets.layout.street[segment])
    while street != NOTHING and not streets.names[street]:
        street = streets.layout.streets[street].parent
    zh, _, pinyin = streets.names[street].partition(" ")
    return f"{zh}{house}号 {pinyin} {house}".strip()
