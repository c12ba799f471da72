"""Who may drive into a street, and when: OpenStreetMap's access tags with their conditions, for collection trucks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from city.importing.osm_conditions import Clause, Minutes, Tags, clauses, closed_rules
from city.road_rules import WEEK_MIN, RoadRule

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
        "private",
        "official",
        "unknown",
    )
)

# Open to trucks with a permit for such streets.
PERMIT = "permit"

# Tracks that carry a truck of 16 t: sealed, or of hard gravel.
SOLID_TRACKS = frozenset(("grade1", "grade2"))


@dataclass(frozen=True, slots=True)
class Access:
    """What is said of one direction of a street, the most particular first.

    Attributes
    ----------
    said
        For each mode of which something is said, its clauses, later over earlier ones.
    otherwise
        Whether the street is open where nothing is said.
    """

    said: tuple[tuple[Clause, ...], ...]
    otherwise: bool

    @property
    def weights(self) -> frozenset[int]:
        """Weights above which something changes, kg."""
        clauses_said = [clause for mode in self.said for clause in mode]
        return frozenset(
            weight
            for clause in clauses_said
            for weight in (clause.above_kg, clause.up_to_kg)
            if 0 < weight < Clause("").up_to_kg
        )

    def closed(self, weight_kg: int, permit: bool) -> Minutes:
        """Return in which minutes of the week it is closed to a truck of some weight, with or without a permit."""
        is_open = np.full(WEEK_MIN, self.otherwise)
        undecided = np.ones(WEEK_MIN, np.bool_)
        for mode in self.said:
            decided = np.zeros(WEEK_MIN, np.bool_)
            for clause in mode:
                minutes = clause.holds(weight_kg)
                if minutes is not None:
                    is_open[minutes & undecided] = opens(clause.value, permit=permit)
                    decided |= minutes
            undecided &= ~decided
        return ~is_open


def access(tags: Tags, direction: str, unread: list[str]) -> Access:
    """Read what is said of a direction (``forward``, ``backward``) of a way."""
    said = []
    for mode in MODES:
        here: list[Clause] = []
        for key in (mode, f"{mode}:{direction}"):
            if key in tags:
                here = [*here, Clause(tags[key])]
        for key in (mode, f"{mode}:{direction}"):
            found = clauses(tags, key)
            here += found.read
            unread.extend(found.unread)
        if here:
            said.append(tuple(here))
    return Access(tuple(said), _open_by_kind(tags))


def closings(directions: Iterable[Access]) -> list[RoadRule]:
    """Return the rules by which a street is closed: at any time when one of its directions is."""
    ways = list(directions)
    if all(clause.minutes is None for way in ways for mode in way.said for clause in mode) and not any(
        way.weights or any(PERMIT in clause.value for mode in way.said for clause in mode) for way in ways
    ):
        return []
    weights = sorted(frozenset[int]().union(*(way.weights for way in ways)))
    return list(
        closed_rules(lambda weight, permit: np.logical_or.reduce([way.closed(weight, permit) for way in ways]), weights)
    )


def opens(values: str, *, permit: bool = True) -> bool:
    """Whether an access value lets a collection truck in."""
    words = {value.strip() for value in values.split(";")}
    return bool(words & OPEN) or (permit and PERMIT in words)


def _open_by_kind(tags: Tags) -> bool:
    match tags.get("highway", "").removesuffix("_link"):
        case "pedestrian":
            return False
        case "track":
            return tags.get("tracktype") in SOLID_TRACKS
        case "service":
            return tags.get("service") not in ("emergency_access", "bus", "busbay")
    return True
