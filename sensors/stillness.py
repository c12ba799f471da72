"""Sensors that say the same for too long: stuck, or frozen, told from bins into which nothing is thrown.

A reading that does not change is no fault by itself: at night, and in a bin that is hardly used, nothing moves. It is
one when a crew emptied the bin meanwhile, or when in that time bins like it gained most of a volume. In frost less is
enough, because ice on the lens or a frozen lid is likely then, and goes by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sensors.falls import NEARLY_EMPTY
from sensors.telemetry import Verdict

# Distances this near to the first of a run are the same: half of the finest step that devices of this trade report.
SAME_CM = 0.5
# A run is looked at from this length and with so many readings on.
SHORTEST, FEWEST = timedelta(hours=24), 12
# An emptying that nothing showed is a stop that was driven past, once; twice, or for so long, it is the sensor.
VISITS, ONE_VISIT_FOR = 2, timedelta(hours=72)
# Bins like it gained this much meanwhile, and for at least so long.
ALIKE_GAINED, ALIKE_FOR = 0.6, timedelta(hours=72)
FROZEN_GAINED = 0.15

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Said:
    """What a device said: when, the distance, the level that makes, and the temperature if it told one."""

    at: datetime
    distance_cm: float
    level: float
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Still:
    """A run of readings that did not move although they should have.

    Parameters
    ----------
    first, last
        Rows of the readings, both included.
    verdict, reason, numbers
        Worded as ``verdict.<reason>``.
    """

    first: int
    last: int
    verdict: Verdict
    reason: str
    numbers: dict[str, float]


def stills(said: Sequence[Said], visits: Sequence[datetime], *, rate_alike_per_h: float) -> list[Still]:
    """Find the runs in which a device was stuck or frozen.

    Parameters
    ----------
    said
        Of one device, ascending.
    visits
        When somebody says that the bin was emptied.
    rate_alike_per_h
        How fast bins like it fill.
    """
    found = []
    first = 0
    for row in range(1, len(said) + 1):
        if row < len(said) and abs(said[row].distance_cm - said[first].distance_cm) <= SAME_CM:
            continue
        still = _still(said, first, row - 1, visits, rate_alike_per_h)
        if still is not None:
            found.append(still)
        first = row
    return found


def _still(
    said: Sequence[Said], first: int, last: int, visits: Sequence[datetime], rate_alike_per_h: float
) -> Still | None:
    lasted = said[last].at - said[first].at
    if lasted < SHORTEST or last - first + 1 < FEWEST:
        return None
    emptied = sum(said[first].at < at < said[last].at - 2 * HOUR for at in visits)
    gained = rate_alike_per_h * (lasted / HOUR)
    numbers = {"distance_cm": said[first].distance_cm, "hours": round(lasted / HOUR, 1)}
    frost = all(one.temperature_c is not None and one.temperature_c < 0 for one in said[first : last + 1])
    if frost and (gained >= FROZEN_GAINED or emptied):
        return Still(first, last, Verdict.FROZEN, "frozen", numbers)
    if said[first].level > NEARLY_EMPTY and emptied and (emptied >= VISITS or lasted >= ONE_VISIT_FOR):
        return Still(first, last, Verdict.STUCK, "stuck_emptied", numbers | {"visits": float(emptied)})
    if gained >= ALIKE_GAINED and lasted >= ALIKE_FOR:
        return Still(first, last, Verdict.STUCK, "stuck_alike", numbers | {"gained": round(gained, 3)})
    return None
