"""How good forecasts were, in hindsight: rolling origins, pinball loss and coverage.

Every forecast is made from what was known at its origin, and judged by the level 24 hours later as it looks when the
readings around it are known too. Spans in which the bin was emptied are left out: the forecast is of what happens if
nobody comes, and who comes is Dustcart's own decision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PROBABILITIES = tuple(round(0.1 * step, 1) for step in range(1, 10))

AHEAD_H = 24.0
# How far from the asked moment the reading may be that answers.
NEAR_H = 1.5

# The level in hindsight: the median of these many readings around, where they agree within that much. Where they do
# not, something in the way makes some of them too high, and the lower ones of a longer stretch are right.
AROUND, AGREEMENT = 9, 0.12
AROUND_DISPUTED, LOWER = 13, 0.2
# A fall of the level in hindsight by this much is an emptying, or a correction as large as one.
FALL = 0.15


@dataclass(frozen=True, slots=True)
class Series:
    """What one sensor said: hours since any common beginning, ascending, and levels, of readings that have one."""

    hours: Floats
    levels: Floats


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of `AHEAD_H` to forecast.

    Parameters
    ----------
    begin, end
        Rows of the series: the last reading known, and the one that answers.
    actual
        The level in hindsight at the end.
    """

    begin: NDArray[np.intp]
    end: NDArray[np.intp]
    actual: Floats

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True, slots=True)
class Skill:
    """How good forecasts of some spans were.

    Parameters
    ----------
    spans
        How many.
    pinball
        Mean pinball loss over spans and `PROBABILITIES`, in levels; smaller is better.
    coverage_80
        Share of spans that ended between the 10 % and the 90 % quantile.
    """

    spans: int
    pinball: float
    coverage_80: float


def hindsight(series: Series) -> Floats:
    """Return the level at each reading as it looks when those around it are known."""
    low, middle, high = (_around(series.levels, AROUND, share) for share in (0.2, 0.5, 0.8))
    lower = _around(series.levels, AROUND_DISPUTED, LOWER)
    return np.maximum(np.where(high - low < AGREEMENT, middle, lower), 0.0)


def _around(levels: Floats, width: int, share: float) -> Floats:
    padded = np.pad(levels, width // 2, mode="edge")
    return np.quantile(np.lib.stride_tricks.sliding_window_view(padded, width), share, axis=1)


def spans_of(series: Series, begins: NDArray[np.intp]) -> Spans:
    """Return the spans from some readings on that a reading answers and in which nobody emptied the bin."""
    level = hindsight(series)
    wanted = series.hours[begins] + AHEAD_H
    end = np.clip(np.searchsorted(series.hours, wanted), 0, len(series.hours) - 1)
    before = np.maximum(end - 1, 0)
    end = np.where(np.abs(series.hours[before] - wanted) < np.abs(series.hours[end] - wanted), before, end)
    answered = np.abs(series.hours[end] - wanted) <= NEAR_H
    kept = np.array([_fall(level[b : e + 1]) <= FALL for b, e in zip(begins, end, strict=True)], dtype=np.bool_)
    chosen = answered & kept & (end > begins)
    return Spans(begins[chosen], end[chosen], level[end[chosen]])


def _fall(levels: Floats) -> float:
    return float(np.max(np.maximum.accumulate(levels) - levels))


def judge(actual: Floats, quantiles: Floats) -> Skill:
    """Judge forecasts.

    Parameters
    ----------
    actual
        Shape (spans,).
    quantiles
        Shape (spans, len(PROBABILITIES)).
    """
    if not len(actual):
        return Skill(0, float("nan"), float("nan"))
    share = np.array(PROBABILITIES)
    missed = actual[:, None] - quantiles
    loss = np.maximum(share * missed, (share - 1) * missed)
    covered = (quantiles[:, 0] <= actual) & (actual <= quantiles[:, -1])
    return Skill(len(actual), float(loss.mean()), float(covered.mean()))
