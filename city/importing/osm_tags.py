"""What OpenStreetMap's tags of a way mean to a collection truck: rank, directions, access, speed, limits, name."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from city.importing.osm_units import length_cm, speed_kmh, weight_kg
from city.network import RoadClass

Tags = Mapping[str, str]
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

# From the general to the particular: what is said of heavy goods vehicles decides, if anything is.
MODES = ("hgv", "motor_vehicle", "vehicle", "access")

# Who collects waste has business where residents, customers and deliveries have; private yards are where bins stand.
OPEN = frozenset(
    (
        "yes",
        "permissive",
        "designated",
        "destination",
        "delivery",
        "customers",
        "customer",
        "residents",
        "permit",
        "private",
        "official",
        "unknown",
    )
)

WIDTH_KEYS = ("maxwidth", "maxwidth:physical")
HEIGHT_KEYS = ("maxheight", "maxheight:physical")
WEIGHT_KEYS = ("maxweight", "maxweight:hgv", "maxweightrating", "maxweightrating:hgv")
LIMIT_KEYS = (*WIDTH_KEYS, *HEIGHT_KEYS, *WEIGHT_KEYS)

# Tracks that carry a truck of 16 t: sealed, or of hard gravel.
SOLID_TRACKS = frozenset(("grade1", "grade2"))

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
    name: str
    # Tags whose values could not be read, as ``key=value``.
    unread: tuple[str, ...]


def street(tags: Tags) -> Street | None:
    """Read the tags of a way; ``None`` if it is no street for vehicles at all."""
    highway = tags.get("highway", "").removesuffix("_link")
    road_class = CLASSES.get(highway)
    if road_class is None or tags.get("area") == "yes":
        return None
    forward, backward = _directions(tags)
    forward_open, backward_open = (
        is_open and _admits(tags, highway, way) for is_open, way in ((forward, "forward"), (backward, "backward"))
    )
    truck = forward_open or backward_open
    unread: list[str] = []
    return Street(
        road_class,
        # Closed to trucks altogether, it keeps the directions everybody else has.
        forward_open if truck else forward,
        backward_open if truck else backward,
        truck,
        _speed(tags, unread),
        *limits(tags, unread),
        tags.get("name") or tags.get("ref", ""),
        tuple(unread),
    )


def limits(tags: Tags, unread: list[str]) -> tuple[int, int, int]:
    """Return width (cm), height (cm) and weight (kg) that a way or a barrier allows; 0 where it sets no limit."""
    return (
        _least(tags, WIDTH_KEYS, length_cm, unread),
        _least(tags, HEIGHT_KEYS, length_cm, unread),
        _least(tags, WEIGHT_KEYS, weight_kg, unread),
    )


def stops_trucks(tags: Tags) -> bool:
    """Whether a node's barrier keeps a truck out."""
    barrier = tags.get("barrier")
    if barrier is None:
        return False
    said = next((tags[mode] for mode in MODES if mode in tags), None)
    return barrier in CLOSED_BARRIERS if said is None else not _opens(said)


def is_conditional(tags: Tags) -> bool:
    """Whether a way is open, closed or limited only at certain times, which `street` does not tell apart."""
    return any(
        key.endswith(":conditional") and key.startswith((*MODES, "oneway", "maxweight", "maxheight")) for key in tags
    )


def _directions(tags: Tags) -> tuple[bool, bool]:
    oneway = next(
        (tags[key] for key in ("oneway:hgv", "oneway:motor_vehicle", "oneway:vehicle", "oneway") if key in tags), ""
    )
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


def _admits(tags: Tags, highway: str, direction: str) -> bool:
    for mode in MODES:
        # Open at some hours counts as open: the hours of a pedestrian street belong to the points in it.
        if _opens(tags.get(f"{mode}:conditional", "").partition("@")[0]):
            return True
        for key in (f"{mode}:{direction}", mode):
            if key in tags:
                return _opens(tags[key])
    match highway:
        case "pedestrian":
            return False
        case "track":
            return tags.get("tracktype") in SOLID_TRACKS
        case "service":
            return tags.get("service") not in ("emergency_access", "bus", "busbay")
    return True


def _opens(values: str) -> bool:
    return any(value.strip() in OPEN for value in values.split(";"))


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
