"""What the rules of streets mean to one kind of truck: where it may never drive, and what holds during a shift."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.hours import Span
from city.network import RoadNetwork
from city.road_rules import WEEK_MIN, RoadRule, merged, parse_rules
from routing.errors import RoutingError
from routing.profile import TruckProfile


class ShiftRule(NamedTuple):
    """What one text of rules means during a shift: when the street is closed, and how fast one may drive when."""

    closed: tuple[Span, ...]
    slow: tuple[tuple[Span, float], ...]


def closed_always(network: RoadNetwork, profile: TruckProfile) -> NDArray[np.bool_]:
    """Return which segments rules close to a truck at all hours. Shape (segments,)."""
    by_rule = np.zeros(len(network.rules), np.bool_)
    for row, rules in enumerate(_rules_for(network.rules, profile)):
        spans = merged(Span(*span) for rule in rules if not rule.kmh for span in rule.hours)
        by_rule[row] = spans == [Span(0, WEEK_MIN)]
    return by_rule[network.rule]


def rules_in(network: RoadNetwork, profile: TruckProfile, weekday: int, within: Span) -> list[ShiftRule]:
    """Return what each of the network's texts of rules means to a truck during a span of a day."""
    found = []
    for rules in _rules_for(network.rules, profile):
        closed = [span for rule in rules if not rule.kmh for span in rule.spans(weekday, within)]
        slow = [(span, rule.kmh) for rule in rules if rule.kmh for span in rule.spans(weekday, within)]
        found.append(ShiftRule(tuple(merged(closed)), tuple(slow)))
    return found


def _rules_for(texts: Sequence[str], profile: TruckProfile) -> list[list[RoadRule]]:
    """Return the rules of each text that a truck must mind."""
    return [
        [rule for rule in _parsed(text) if rule.concerns(profile.weight_kg, permit=profile.permit)] for text in texts
    ]


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[RoadRule, ...]:
    try:
        return parse_rules(text)
    except ValueError as error:
        raise RoutingError(f"{error}; import the roads again") from error
