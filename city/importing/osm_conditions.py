"""Values of OpenStreetMap that hold under conditions (``no @ (Mo-Fr 07:00-19:00 AND weight>7.5)``) as road rules."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.importing.osm_units import speed_kmh, weight_kg
from city.road_rules import WEEK_MIN, RoadRule, WeekSpan, parse_week

Tags = Mapping[str, str]
Minutes = NDArray[np.bool_]

# Heavier than any truck: the weight of one for which every limit holds.
HEAVIEST_KG = 1_000_000

# Who collects waste is at its destination; a limit that spares destinations does not bind.
SPARED = frozenset(("destination", "delivery", "loading", "access", "private", "customers", "residents"))
# Weather, and vehicles of other kinds; nothing to plan for.
_NOT_PLANNED = frozenset(("wet", "snow", "ice", "fog", "winter", "trailer", "caravan", "emergency", "disabled"))
# Works that were announced for certain dates: long over, or for the city to enter as a closure.
_DATED = re.compile(r"\b(?:19|20)\d\d\b")
_WEIGHT = re.compile(
    r"^(?:maxweight|weight|weightrating|maxweightrating|GVW)\s*(>=|<=|>|<)\s*([\d.,]+\s*[a-z]*)$", re.IGNORECASE
)
# Semicolons inside brackets belong to the hours.
_CLAUSES = re.compile(r";(?![^(]*\))")


class Clause(NamedTuple):
    """One value and when it holds: in those minutes of the week, for trucks heavier and not heavier than that.

    Attributes
    ----------
    minutes
        ``None``: always.
    spared
        It is said of those who have business there.
    """

    value: str
    minutes: Minutes | None = None
    above_kg: int = 0
    up_to_kg: int = HEAVIEST_KG
    spared: bool = False

    def holds(self, weight_kg: int) -> Minutes | None:
        """Return in which minutes it holds for a truck of some weight; ``None``: in none."""
        if not self.above_kg < weight_kg <= self.up_to_kg:
            return None
        return np.ones(WEEK_MIN, np.bool_) if self.minutes is None else self.minutes


@dataclass(frozen=True, slots=True)
class Clauses:
    """What a tag says under conditions, later clauses over earlier ones, and the conditions that could not be read."""

    read: tuple[Clause, ...] = ()
    unread: tuple[str, ...] = ()


def clauses(tags: Tags, key: str) -> Clauses:
    """Read ``key:conditional``. Conditions of weather never hold, nor do dates with a year: works of that time."""
    read, unread = [], []
    for text in filter(None, (piece.strip() for piece in _CLAUSES.split(tags.get(f"{key}:conditional", "")))):
        value, _, condition = text.partition("@")
        bare = condition.strip().removeprefix("(").removesuffix(")").strip()
        try:
            clause = _clause(value.strip(), bare)
        except ValueError:
            unread.append(f"{key}:conditional={text}")
            # A ban that cannot be read is in force, whatever else cannot be read is not.
            clause = Clause("no") if value.strip() == "no" else None
        if clause is not None:
            read.append(clause)
    return Clauses(tuple(read), tuple(unread))


def _clause(value: str, condition: str) -> Clause | None:
    """Read one clause; ``None`` if it never holds."""
    if _DATED.search(condition):
        return None
    clause = Clause(value)
    for part in re.split(r"\s+(?:AND|and)\s+", condition):
        text = part.strip().strip("()").strip()
        weight = _WEIGHT.match(text)
        if text in _NOT_PLANNED:
            return None
        if text in SPARED:
            clause = clause._replace(spared=True)
        elif weight:
            limit = weight_kg(weight[2].replace(",", ".")) or 0
            if weight[1].startswith(">"):
                clause = clause._replace(above_kg=limit - (weight[1] == ">="))
            else:
                clause = clause._replace(up_to_kg=limit - (weight[1] == "<"))
        else:
            clause = clause._replace(minutes=minutes_of(parse_week(text)))
    return clause


def minutes_of(spans: Sequence[WeekSpan]) -> Minutes:
    """Return which minutes of a week lie in spans."""
    minutes = np.zeros(WEEK_MIN, np.bool_)
    for start, end in spans:
        minutes[start:end] = True
    return minutes


def spans_of(minutes: Minutes) -> tuple[WeekSpan, ...]:
    """Return the spans of some minutes of a week."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], minutes, [False]]).astype(np.int8))).reshape(-1, 2)
    return tuple(WeekSpan(*pair) for pair in edges.tolist())


def closed_rules(closed: Callable[[int, bool], Minutes], weights: Sequence[int]) -> Iterator[RoadRule]:
    """Yield the rules by which a street is closed, given when it is to a truck of some weight with a permit or without.

    `weights` are those above which something changes, without 0, in order.
    """
    stated = np.zeros(WEEK_MIN, np.bool_)
    stated_without = np.zeros(WEEK_MIN, np.bool_)
    for above, weight in zip((0, *weights), (*weights, HEAVIEST_KG), strict=True):
        with_permit = closed(weight, True)
        added = with_permit & ~stated
        if added.any():
            yield RoadRule(spans_of(added), above_kg=above)
        stated |= added
        added = closed(weight, False) & ~stated & ~stated_without
        if added.any():
            yield RoadRule(spans_of(added), above_kg=above, without_permit=True)
        stated_without |= added


def speed_rules(tags: Tags, keys: Sequence[str], unread: list[str]) -> Iterator[RoadRule]:
    """Yield the rules by which one has to drive slower."""
    for key in keys:
        found = clauses(tags, key)
        unread.extend(found.unread)
        for clause in found.read:
            try:
                kmh = speed_kmh(clause.value)
            except ValueError:
                unread.append(f"{key}:conditional={clause.value}")
                continue
            minutes = clause.holds(clause.up_to_kg)
            if kmh is not None and minutes is not None and minutes.any():
                yield RoadRule(spans_of(minutes), kmh, clause.above_kg)


def weight_rules(tags: Tags, keys: Sequence[str], unread: list[str]) -> Iterator[RoadRule]:
    """Yield the rules by which a street is closed to heavy trucks at some hours, as at night for the noise."""
    for key in keys:
        found = clauses(tags, key)
        unread.extend(found.unread)
        for clause in found.read:
            if clause.value == "none" or clause.spared:
                continue
            try:
                limit = weight_kg(clause.value)
            except ValueError:
                unread.append(f"{key}:conditional={clause.value}")
                continue
            minutes = clause.holds(clause.up_to_kg)
            if limit is not None and minutes is not None and minutes.any():
                yield RoadRule(spans_of(minutes), above_kg=limit)


def lifted(tags: Tags, key: str) -> bool:
    """Whether a limit does not bind who has business in the street."""
    return any(clause.value == "none" and clause.spared for clause in clauses(tags, key).read)
