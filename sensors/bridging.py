"""Waste that hangs under the sensor: the bin seems full at once, and is not.

A sack caught in the opening is nearly as good as a full bin for the sensor. It is told by what it does: it lets go, and
the level is back where it was; or a crew comes and weighs half a load; or the bin would have been filled far faster
than it ever fills. The last is only a suspicion, and a bin that may be full is still treated as one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sensors.falls import LOAD, Read

# From this level on a bin seems full, after a jump of so much within so many hours.
NEARLY_FULL, JUMP, AT_ONCE_H = 0.8, 0.4, 6.0
# It hung for so long at least; a shorter one is an echo like others.
SHORTEST_H = 4.0
# A crew weighed less than this share of what the sensor had said.
WEIGHED_SHARE = 0.5
# A gain is far too early when it lies so many standard deviations above the mean; loads come one by one, so the
# variance of what they add is twice their size times the mean (a compound Poisson process of exponential loads).
TOO_EARLY_SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Bridge:
    """Readings that saw hanging waste: rows, both included, and why; worded as ``verdict.<reason>``."""

    first: int
    last: int
    reason: str
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Weighed:
    """An emptying, in the hours of the readings, and the level that was weighed; none if nothing was."""

    at_h: float
    found: float | None


def bridges(hours: Sequence[float], levels: Sequence[float], seen: Read, emptied: Sequence[Weighed]) -> list[Bridge]:
    """Find the readings that saw waste hanging under the sensor.

    Parameters
    ----------
    hours, levels
        Of the readings, as `sensors.falls.read` had them.
    seen
        What it made of them.
    emptied
        Emptyings that are believed, in the order of time.
    """
    found = [*_hung(hours, levels, seen), *_jumped(hours, seen, emptied)]
    return sorted(found, key=lambda bridge: bridge.first)


def _hung(hours: Sequence[float], levels: Sequence[float], seen: Read) -> list[Bridge]:
    found = []
    row = 0
    while row < len(hours):
        first = row
        while row < len(hours) and seen.false[row] and levels[row] >= max(NEARLY_FULL, seen.levels[row] + JUMP):
            row += 1
        if row == first:
            row += 1
            continue
        lasted_h = hours[row - 1] - hours[first]
        if lasted_h < SHORTEST_H:
            continue
        numbers = {"level": round(max(levels[first:row]), 3), "expected": round(seen.levels[row - 1], 3)}
        if row < len(hours):
            found.append(Bridge(first, row - 1, "bridged_let_go", numbers | {"hours": round(lasted_h, 1)}))
        else:
            found.append(Bridge(first, row - 1, "bridged_too_early", numbers))
    return found


def _jumped(hours: Sequence[float], seen: Read, emptied: Sequence[Weighed]) -> list[Bridge]:
    found = []
    begun_h, begun = (hours[0], seen.levels[0]) if hours else (0.0, 0.0)
    waiting = list(emptied)
    last_true = 0
    for row in range(1, len(hours)):
        while waiting and waiting[0].at_h <= hours[row]:
            waiting.pop(0)
            begun_h, begun = hours[row], seen.levels[row]
        if seen.false[row]:
            continue
        before, level = seen.levels[last_true], seen.levels[row]
        at_once = hours[row] - hours[last_true] <= AT_ONCE_H
        last_true = row
        if not at_once or level < NEARLY_FULL or level - before < JUMP:
            continue
        until = next((one for one in waiting if one.at_h > hours[row]), None)
        last = len(hours) - 1 if until is None else max(at for at in range(row, len(hours)) if hours[at] < until.at_h)
        if until is not None and until.found is not None and until.found < WEIGHED_SHARE * level:
            numbers = {"level": round(level, 3), "found": round(until.found, 3)}
            found.append(Bridge(row, last, "bridged_weighed", numbers))
        elif until is None or until.found is None:
            mean = seen.rate_per_h * (hours[row] - begun_h)
            if level - begun > mean + TOO_EARLY_SIGMAS * math.sqrt(2 * LOAD * mean):
                numbers = {"level": round(level, 3), "expected": round(before, 3)}
                found.append(Bridge(row, last, "bridged_too_early", numbers))
    return found
