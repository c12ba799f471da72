"""What a bin's readings say is wrong with it, besides fire: a bin or lid that lies open, and waste above the brim."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scipy.special import ndtr

from sensors.forecast import BRIM, LEAST_SIGMA, rival_probability

# A lid is open while the bin is emptied, and bins are tipped into trucks. On nineteen upright sensors of Frankfurt's
# year a tilted reading stood alone each of the four times there was one; the twentieth sensor lay all year.
TILTED_READINGS, TILTED_FOR = 3, timedelta(hours=1)
UPRIGHT_READINGS = 2

# An overflow is told when it is far likelier than not by what was seen, and over when it is unlikely; in between, a
# bin that is pressed down and filled again would tell of itself all day.
OVERFLOWING, NOT_OVERFLOWING = 0.8, 0.3
# Below this level the probability is under NOT_OVERFLOWING whatever the doubt that the filter allows.
NEAR_BRIM = 0.85


@dataclass(frozen=True, slots=True)
class Pose:
    """How a device lay, and the frame key of the reading that says it."""

    at: datetime
    key: str
    tilted: bool


@dataclass(frozen=True, slots=True)
class Tilt:
    """A device that lies: since when, how many readings say so, and the frame keys of the latest of them."""

    began_at: datetime
    readings: int
    keys: tuple[str, ...]


def tilt_of(poses: Sequence[Pose], *, standing: bool) -> Tilt | None:
    """Tell whether a device lies after the last of some readings.

    Parameters
    ----------
    poses
        In the order they were taken.
    standing
        Whether it lay before the first of them; then it takes `UPRIGHT_READINGS` upright ones in a row to be over.
    """
    run: list[Pose] = []
    lies, upright = standing, 0
    for pose in poses:
        if pose.tilted:
            run.append(pose)
            upright = 0
            lies = lies or (len(run) >= TILTED_READINGS and pose.at - run[0].at >= TILTED_FOR)
            continue
        upright += 1
        if not lies or upright >= UPRIGHT_READINGS:
            lies, run = False, []
    if not lies:
        return None
    began_at = run[0].at if run else poses[0].at
    return Tilt(began_at, len(run), tuple(pose.key for pose in run[-TILTED_READINGS:]))


def overflow_seen(
    level: float | None, sigma: float, rival_level: float | None, rival_sigma: float, rival_odds: float
) -> float:
    """Return the probability that a bin stood above its brim when it was seen last; 0 if it never was.

    Parameters
    ----------
    level, sigma, rival_level, rival_sigma, rival_odds
        As `sensors.levels.BinState` describes them.
    """
    if level is None:
        return 0.0
    above = _above_brim(level, sigma)
    if rival_level is None:
        return above
    weight = rival_probability(rival_odds)
    return (1 - weight) * above + weight * _above_brim(rival_level, rival_sigma)


def _above_brim(level: float, sigma: float) -> float:
    return float(ndtr((level - BRIM) / max(sigma, LEAST_SIGMA)))
