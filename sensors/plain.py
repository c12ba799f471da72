"""Plain forecasts of the level a day ahead, to beat: what anybody could do with a sensor's readings.

All of them see the same readings at the same origins as Dustcart's own, and learn from spans that had ended by then.
They forecast a level, and around it the quantiles of how far they were off before: that serves them better than the
normal intervals of textbooks, because what comes in is skewed.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy.signal import lfilter, lfiltic

from sensors.skill import PROBABILITIES, Bools, Floats, Series, Spans

# They learn from this many past spans at least, and in slots of the week from this many.
FEWEST_SPANS = 20
FEWEST_IN_SLOT = 4
SLOT_H = 6.0
WEEK_H = 168.0
# Smoothing is tried with these weights of the newest reading; the one that was best so far is taken.
SMOOTHINGS = (0.1, 0.2, 0.4, 0.7, 1.0)
# How far from a week before a span may have begun that is repeated.
NEAR_WEEK_H = 3.0

Forecaster = Callable[[Series, Spans], Floats]


def persistence(series: Series, spans: Spans) -> Floats:
    """Forecast the last reading plus the mean gain of past spans, spread as they were spread."""
    return _around(spans, series.levels[spans.begin], series)


def smoothing(series: Series, spans: Spans) -> Floats:
    """Forecast the exponentially smoothed level plus the mean gain, with the weight that was best in the past."""
    start = np.empty((len(SMOOTHINGS), len(spans)))
    for row, weight in enumerate(SMOOTHINGS):
        state = lfiltic([weight], [1.0, weight - 1.0], [series.levels[0]])
        start[row] = lfilter([weight], [1.0, weight - 1.0], series.levels, zi=state)[0][spans.begin]
    off = series.levels[spans.end] - start
    quantiles = np.full((len(spans), len(PROBABILITIES)), np.nan)
    for row, past in _origins(series, spans):
        known = off[:, past]
        best = int(np.argmin(known.var(axis=1)))
        quantiles[row] = start[best, row] + np.quantile(known[best], PROBABILITIES)
    return np.asarray(np.maximum(quantiles, 0.0), dtype=np.float64)


def week_before(series: Series, spans: Spans) -> Floats:
    """Forecast the last reading plus what was gained in the same hours a week before (seasonal naive)."""
    begin_h = series.hours[spans.begin]
    gains = series.levels[spans.end] - series.levels[spans.begin]
    earlier = np.clip(np.searchsorted(begin_h, begin_h - WEEK_H - NEAR_WEEK_H), 0, max(len(spans) - 1, 0))
    found = np.abs(begin_h[earlier] - begin_h + WEEK_H) <= NEAR_WEEK_H
    return _around(spans, series.levels[spans.begin] + np.where(found, gains[earlier], 0.0), series)


def hour_of_week(series: Series, spans: Spans) -> Floats:
    """Forecast the last reading plus the mean gain of past spans that began in the same hours of the week."""
    gains = series.levels[spans.end] - series.levels[spans.begin]
    slots = ((series.hours[spans.begin] % WEEK_H) // SLOT_H).astype(np.intp)
    quantiles = np.full((len(spans), len(PROBABILITIES)), np.nan)
    for row, past in _origins(series, spans):
        known, known_slots = gains[past], slots[past]
        count = np.bincount(known_slots, minlength=round(WEEK_H / SLOT_H))
        total = np.bincount(known_slots, weights=known, minlength=len(count))
        mean = np.where(count >= FEWEST_IN_SLOT, total / np.maximum(count, 1), known.mean())
        spread = np.quantile(known - mean[known_slots], PROBABILITIES)
        quantiles[row] = series.levels[spans.begin[row]] + mean[slots[row]] + spread
    return np.asarray(np.maximum(quantiles, 0.0), dtype=np.float64)


PLAIN: Mapping[str, Forecaster] = {
    "persistence_mean_rate": persistence,
    "hour_of_week_mean": hour_of_week,
    "seasonal_naive_week": week_before,
}


def _origins(series: Series, spans: Spans) -> Iterator[tuple[int, Bools]]:
    """Yield each span that enough is known for, and which ones had ended before it began."""
    begin_h, end_h = series.hours[spans.begin], series.hours[spans.end]
    for row in range(len(spans)):
        past = end_h <= begin_h[row]
        if past.sum() >= FEWEST_SPANS:
            yield row, past


def _around(spans: Spans, levels: Floats, series: Series) -> Floats:
    """Return forecast levels with the quantiles of how far they were off so far.

    Not a number until enough has passed to learn from.
    """
    off = series.levels[spans.end] - levels
    quantiles = np.full((len(spans), len(PROBABILITIES)), np.nan)
    for row, past in _origins(series, spans):
        quantiles[row] = np.maximum(levels[row] + np.quantile(off[past], PROBABILITIES), 0.0)
    return quantiles
