"""What a sensor reads when its bin is empty, learnt from emptyings, and how much of that is believed.

A mounting height is written down once, from a drawing or a tape; lids, brackets and bottoms differ. After an emptying
the sensor sees the bottom, or what the crew left on it, so nearly always too near and hardly ever too far: what counts
is the farthest distance that comes again. It corrects what was registered, but only within bounds. A sensor whose empty
bin reads far off was moved, fell, or looks at something else, and its levels are no levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sensors.emptyings import Emptying, Source

# Emptyings that count, the latest, and how many it takes.
KEPT, FEWEST = 12, 3
# The farthest distance must come again this exactly, or it was something else.
AGREES_CM = 4.0
# What differs less from what is used now is noise.
LEAST_CHANGE_CM = 2.0
# How far what is learnt may be from what was registered: this share of the depth, and no more than this.
MOST_SHARE, MOST_CM = 0.25, 30.0

# A sensor that was moved reads the same after most emptyings, what crews leave behind does not: so many must agree
# before its levels are not believed any more.
DRIFTED_FEWEST = 5

# Only emptyings as sure as this teach, by the first so many readings within that time, if they agree.
SURE = 0.9
AFTERWARDS = timedelta(hours=12)
READINGS, STABLE_CM = 3, 4.0
# A bin of which a crew took only a part teaches nothing.
MOST_LEFT = 0.35


@dataclass(frozen=True, slots=True)
class Empty:
    """What a sensor read after one emptying."""

    at: datetime
    distance_cm: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is made of a sensor's empties.

    Parameters
    ----------
    empty_cm
        What it reads when the bin is empty; none: what was registered stands.
    drifted
        It reads so far off that its levels cannot be believed.
    """

    empty_cm: float | None
    drifted: bool = False


def empties(
    emptied: Sequence[Emptying], readings: Sequence[tuple[datetime, float]], false: Sequence[bool]
) -> list[Empty]:
    """Pick what a sensor read after emptyings, where it read something stable.

    Parameters
    ----------
    emptied
        In the order of time.
    readings
        When, and the distance in centimetres, ascending.
    false
        Whether each of them is taken to be false.
    """
    found = []
    for one in emptied:
        if Source.LEVEL not in one.sources or one.confidence < SURE or (one.after or 0.0) > MOST_LEFT:
            continue
        after = [
            distance_cm
            for (at, distance_cm), wrong in zip(readings, false, strict=True)
            if one.latest <= at <= one.latest + AFTERWARDS and not wrong
        ][:READINGS]
        if len(after) == READINGS and max(after) - min(after) <= STABLE_CM:
            found.append(Empty(one.at, median(after)))
    return found


def calibrate(
    seen: Sequence[Empty], *, mounting_height_cm: float, depth_cm: float, used_cm: float | None = None
) -> Calibration:
    """Make a calibration of what a sensor read after emptyings.

    Parameters
    ----------
    seen
        In the order of time.
    mounting_height_cm, depth_cm
        As registered.
    used_cm
        What is used now; it stays where the difference is noise.
    """
    latest = sorted((empty.distance_cm for empty in seen[-KEPT:]), reverse=True)
    learnt = _farthest_that_came_again(latest)
    if len(latest) < FEWEST or learnt is None:
        return Calibration(used_cm)
    if abs(learnt - mounting_height_cm) > most_off_cm(depth_cm):
        agree = sum(abs(distance_cm - learnt) <= AGREES_CM for distance_cm in latest)
        return Calibration(None, drifted=True) if agree >= DRIFTED_FEWEST else Calibration(used_cm)
    now_cm = mounting_height_cm if used_cm is None else used_cm
    return Calibration(used_cm if abs(learnt - now_cm) < LEAST_CHANGE_CM else round(learnt, 1))


def most_off_cm(depth_cm: float) -> float:
    """Return how far a calibration may be from what was registered."""
    return min(MOST_SHARE * depth_cm, MOST_CM)


def _farthest_that_came_again(farthest_first: Sequence[float]) -> float | None:
    for far, next_ in pairwise(farthest_first):
        if far - next_ <= AGREES_CM:
            return (far + next_) / 2
    return None
