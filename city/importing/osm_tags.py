"""What OpenStreetMap's tags of a way mean to a collection truck: rank, directions, access, speed, limits, name."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from city.importing.osm_access import MODES, access, closings, opens
from city.importing.osm_conditions import Tags, clauses, lifted, speed_rules, weight_rules
from city.importing.osm_units import length_cm, speed_kmh, weight_kg
from city.network import RoadClass
from city.road_rules import format_rules

Number = TypeVar("Number", int, float)

CLASSES = {
    "motorway": RoadClass.MOTORWAY,
    "trunk": RoadClass.TRUNK,
    "primary": RoadClass.PRIMARY,
    "secondary": RoadClass.SECONDARY,
    "tertiary": RoadClass.TERTIARY,
    "unclassified": RoadClass.UNCLASSIFIED,
    "road": RoadClass.UNCLASSIFIED,
    "residential": RoadClass.RESIDENTIAL,
    "living_street": RoadClass.LIVING_STREET,
    "pedestrian": RoadClass.LIVING_STREET,
    "service": RoadClass.SERVICE,
    "track": RoadClass.TRACK,
}

WIDTH_KEYS = ("maxwidth", "maxwidth:physical")
HEIGHT_KEYS = ("maxheight", "maxheight:physical")
WEIGHT_KEYS = ("maxweight", "maxweight:hgv", "maxweightrating", "maxweightrating:hgv")
# How wide a street itself is; a truck needs room at both mirrors.
ROOM_KEYS = ("width", "est_width")
ROOM_CM = 30
# Wider than this a street holds any truck, and what is tagged may be the width of all its lanes.
NARROW_CM = 350
SPEED_KEYS = ("maxspeed", "maxspeed:hgv")
ONEWAY_KEYS = ("oneway:hgv", "oneway:motor_vehicle", "oneway:vehicle", "oneway")

LIMIT_KEYS = (*WIDTH_KEYS, *HEIGHT_KEYS, *WEIGHT_KEYS)

# Barriers that stop a truck unless a tag lets it through. Gates and lift gates open for it.
CLOSED_BARRIERS = frozenset(
    (
        "block",
        "bollard",
        "bus_trap",
        "cycle_barrier",
        "debris",
        "fence",
        "full-height_turnstile",
        "guard_rail",
        "hedge",
        "horse_stile",
        "jersey_barrier",
        "kissing_gate",
        "log",
        "motorcycle_barrier",
        "planter",
        "sally_port",
        "shrub",
        "stile",
        "stone",
        "turnstile",
        "wall",
        "wedge",
    )
)


class Street(NamedTuple):
    """One way as a collection truck sees it. No limit is 0; no speed is NaN."""

    road_class: RoadClass
    forward: bool
    backward: bool
    truck: bool
    speed_kmh: float
    max_width_cm: int
    max_height_cm: int
    max_weight_kg: int
    # What holds at certain hours, or for some trucks only, as `city.road_rules` writes it.
    rules: str
    name: str
    # Tags whose values could not be read, as ``key=value``.
    unread: tuple[str, ...]


def street(tags: Tags) -> Street | None:
    """Read the tags of a way; ``None`` if it is no street for vehicles at all."""
    highway = tags.get("highway", "").removesuffix("_link")
    road_class = CLASSES.get(highway)
    if road_class is None or tags.get("area") == "yes":
        return None
    unread: list[str] = []
    ways = {
        way: access(tags, way, unread)
        for way, is_open in zip(("forward", "backward"), _directions(tags), strict=True)
        if is_open
    }
    # A street open at some hours, or to some trucks, is there; when and to whom it is closed is for its rules.
    open_ways = {way: said for way, said in ways.items() if not said.closed(1, True).all()}
    left = open_ways or ways
    rules = [
        *(closings(open_ways.values()) if open_ways else ()),
        *weight_rules(tags, WEIGHT_KEYS, unread),
        *speed_rules(tags, SPEED_KEYS, unread),
    ]
    return Street(
        road_class,
        # Closed to trucks altogether, it keeps the directions everybody else has.
        "forward" in left,
        "backward" in left,
        bool(open_ways),
        _speed(tags, unread),
        *limits(tags, unread),
        format_rules(dict.fromkeys(rules)),
        tags.get("name") or tags.get("ref", ""),
        tuple(dict.fromkeys(unread)),
    )


def limits(tags: Tags, unread: list[str]) -> tuple[int, int, int]:
    """Return width (cm), height (cm) and weight (kg) that a way or a barrier allows; 0 where it sets no limit.

    A narrow lane is as wide as its street less the room a truck needs; a limit that spares whoever has business there
    is none.
    """
    width = [_least(tags, WIDTH_KEYS, length_cm, unread), _least(tags, ROOM_KEYS, _room_cm, [])]
    return (
        min((limit for limit in width if limit), default=0),
        _least(tags, HEIGHT_KEYS, length_cm, unread),
        _least(tags, [key for key in WEIGHT_KEYS if not lifted(tags, key)], weight_kg, unread),
    )


def _room_cm(text: str) -> int | None:
    width = length_cm(text)
    return max(width - ROOM_CM, 1) if width is not None and width < NARROW_CM else None


def stops_trucks(tags: Tags) -> bool:
    """Whether a node's barrier keeps a truck out."""
    barrier = tags.get("barrier")
    if barrier is None:
        return False
    said = next((tags[mode] for mode in MODES if mode in tags), None)
    return barrier in CLOSED_BARRIERS if said is None else not opens(said)


def _unconditional_directions(tags: Tags) -> tuple[bool, bool]:
    oneway = next((tags[key] for key in ONEWAY_KEYS if key in tags), "")
    match oneway:
        case "yes" | "true" | "1":
            return True, False
        case "-1" | "reverse":
            return False, True
        case "reversible":
            # Which direction is open depends on the hour; neither can be relied on.
            return False, False
        case "no" | "false" | "0" | "alternating":
            return True, True
    # Slip roads are no motorways here: some are two-way, so they always carry a oneway tag of their own.
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    return True, not implied


def _directions(tags: Tags) -> tuple[bool, bool]:
    """Return which directions are open all day; a street that is one-way at some hours is one-way."""
    forward, backward = _unconditional_directions(tags)
    for key in ONEWAY_KEYS:
        for clause in clauses(tags, key).read:
            also_forward, also_backward = _unconditional_directions({**tags, key: clause.value})
            forward, backward = forward and also_forward, backward and also_backward
    return forward, backward


def _speed(tags: Tags, unread: list[str]) -> float:
    """Return the speed for trucks, else for all, of two directions the lower, else what the kind of zone implies."""
    for keys in (
        ("maxspeed:hgv", "maxspeed:hgv:forward", "maxspeed:hgv:backward"),
        ("maxspeed", "maxspeed:forward", "maxspeed:backward"),
    ):
        speeds = [speed for key in keys if (speed := _read(tags, key, speed_kmh, unread)) is not None]
        if speeds:
            return min(speeds)
    if "maxspeed" not in tags:
        for key in ("maxspeed:type", "source:maxspeed", "zone:maxspeed", "zone:traffic"):
            speed = _read(tags, key, speed_kmh, []) if tags.get(key, "sign") not in ("sign", "markings") else None
            if speed is not None:
                return speed
    return float("nan")


def _least(tags: Tags, keys: Iterable[str], read: Callable[[str], int | None], unread: list[str]) -> int:
    values = [value for key in keys if (value := _read(tags, key, read, unread)) is not None]
    return min(values, default=0)


def _read(tags: Tags, key: str, read: Callable[[str], Number | None], unread: list[str]) -> Number | None:
    """Read a tag, of several values the least; note what cannot be read."""
    if key not in tags:
        return None
    found = []
    for text in tags[key].split(";"):
        if text.strip():
            try:
                found.append(read(text))
            except ValueError:
                unread.append(f"{key}={text.strip()}")
    numbers = [value for value in found if value is not None]
    return min(numbers, default=None)
