"""What a bin's fill level will be, with how much doubt, and when it overflows if nobody comes.

Waste only ever comes in, so the level gained in h hours is a gamma process: never negative, skewed, its spread
growing with time (van Noortwijk 2009, Reliability Engineering & System Safety 94:2, on processes that only grow).
Its mean r*h and variance v^2*h come from the bin's own rate r and volatility v; not knowing the rate itself adds
(s*h)^2. Because the level never falls by itself, the chance that it passed the brim by a moment is the chance that
it stands above it at that moment: first passage needs no approximation.

The level at the last reading is normal around its estimate, and a rival explanation of the last readings counts
with its own probability. Everything here is a pure function of states: one in and one answer out, or a whole city
as arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaincc, ndtr

from sensors.experience import Diaries, Ways, no_diaries, ways
from sensors.paces import Paces

Floats = NDArray[np.float64]

BRIM = 1.0

# Nothing known of a bin: anything between empty and overflowing, as spread as a uniform level would be.
UNKNOWN_MEAN, UNKNOWN_SIGMA = 0.5, 0.3

# An overflow farther away than this is nobody's concern today.
HORIZON_H = 60 * 24.0
# Halving the horizon this often finds the moment to within a minute and a half.
HALVINGS = 16

# Gauss-Legendre nodes over the doubt about today's level, out to this many standard deviations. 24 nodes keep the
# error of a probability under 0.001 against simulation, 12 do not (tests/sensors/test_forecast.py).
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
REACH_SIGMAS = 6.0
# A gamma gain of at least this shape, with at most this share of the doubt's variance, is as good as normal.
CERTAIN_SHAPE, CERTAIN_SHARE = 50.0, 0.05
# Where a distribution is looked at to find its quantiles, in standard deviations from its mean: dense in the middle,
# where most of them lie, and as far out as the extreme ones of a skewed gain.
_GRID = np.sinh(np.linspace(-2.3, 2.6, 49))
# So many bins at once: their pages then stay in the processor's cache.
TOGETHER = 512
# Where experience has this share of a forecast, what the rate says need not be exact.
ROUGH_SHARE = 0.5
# A gamma variable of at least this shape is as good as normal.
SYMMETRIC_SHAPE = 400.0
# Less than this never fills anything: a usable volume in a million million.
LEAST_GAIN = 1e-12
# Keeps divisions defined where nothing is in doubt; far below any sensor's resolution.
LEAST_SIGMA = 1e-6


class Estimated(Protocol):
    """What a forecast needs to know of a bin; `sensors.levels.BinState` describes the fields."""

    fill_level: float | None
    sigma: float
    as_of: datetime | None
    rate_per_h: float
    rate_sigma: float
    volatility: float
    rival_level: float | None
    rival_sigma: float
    rival_as_of: datetime | None
    rival_odds: float


@dataclass(frozen=True, slots=True)
class Level:
    """A fill level and its standard deviation, as fractions of the usable volume."""

    mean: float
    sigma: float


@dataclass(frozen=True, slots=True)
class States:
    """Many bins' states as columns of equal length.

    Parameters
    ----------
    mean, sigma
        Level at the time of knowing.
    as_of_s
        When that was, seconds since 1970; infinite where nothing is known, so that no time passes since.
    rate, rate_sigma, volatility
        Per hour, as in `BinState`.
    rival_mean, rival_sigma, rival_as_of_s
        The same for the rival explanation; equal to the main one where there is none.
    rival_weight
        Its probability.
    diaries
        What the bins did before, where that was read.
    paces
        How fast time passes for them; none: every hour is like any other.
    """

    mean: Floats
    sigma: Floats
    as_of_s: Floats
    rate: Floats
    rate_sigma: Floats
    volatility: Floats
    rival_mean: Floats
    rival_sigma: Floats
    rival_as_of_s: Floats
    rival_weight: Floats
    diaries: Diaries
    paces: Paces | None = None

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "States":
        columns: list[Any] = [getattr(self, name)[chosen] for name in States.__slots__[:-1]]
        return States(*[*columns, None if self.paces is None else self.paces[chosen]])


def stack(states: Sequence[Estimated], diaries: Diaries | None = None, paces: Paces | None = None) -> States:
    """Put bins' states side by side for the functions that answer for many at once.

    Parameters
    ----------
    diaries
        Of the same bins; left out, the forecast is from their rates alone.
    paces
        Of the same bins; left out, no day is special.
    """
    columns = len(States.__slots__) - 2
    rows = np.array([_row(state) for state in states], dtype=np.float64).reshape(len(states), columns)
    numbers: list[Any] = list(np.ascontiguousarray(rows.T))
    return States(*[*numbers, no_diaries(len(states)) if diaries is None else diaries, paces])


def _row(state: Estimated) -> tuple[float, ...]:
    if state.as_of is None or state.fill_level is None:
        main = (UNKNOWN_MEAN, UNKNOWN_SIGMA, np.inf)
    else:
        main = (state.fill_level, state.sigma, state.as_of.timestamp())
    rival, weight = main, 0.0
    if state.rival_level is not None and state.rival_as_of is not None:
        rival = (state.rival_level, state.rival_sigma, state.rival_as_of.timestamp())
        weight = rival_probability(state.rival_odds)
    return (*main, state.rate_per_h, state.rate_sigma, state.volatility, *rival, weight)


def rival_probability(log_odds: float) -> float:
    """Return the probability of a bin's other explanation, from the log odds against it."""
    return float(expit(-log_odds))


def level_at(state: Estimated, at: datetime, diaries: Diaries | None = None, paces: Paces | None = None) -> Level:
    """Return the level expected at a moment, if nobody empties the bin before.

    Parameters
    ----------
    at
        Before the state's own time it is the state's level: nothing here looks back.
    diaries
        The bin's own; left out, the forecast is from its rate alone.
    paces
        The bin's own; left out, no day is special.
    """
    mean, sigma = levels_at(stack([state], diaries, paces), at)
    return Level(float(mean[0]), float(sigma[0]))


def levels_at(states: States, at: datetime) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of many bins' levels at one moment."""
    at_s = np.full(len(states), at.timestamp())
    parts = [_mixture(*_paced(states[part], at_s[part])) for part in _parts(len(states))]
    if not parts:
        return np.empty(0), np.empty(0)
    means, sigmas = zip(*parts, strict=True)
    return np.concatenate(means), np.concatenate(sigmas)


def overflow_probabilities(states: States, at: datetime, brim: float = BRIM) -> Floats:
    """Return many bins' probabilities to have reached the brim, or another level, by one moment, if nobody comes."""
    parts = [_reached(states[part], np.full(len(states), at.timestamp())[part], brim) for part in _parts(len(states))]
    return np.concatenate(parts) if parts else np.empty(0)


def when(seconds: float) -> datetime | None:
    """Return the moment some seconds after 1970; none if they are infinite."""
    return datetime.fromtimestamp(seconds, UTC) if np.isfinite(seconds) else None


def overflow_times(states: States, probability: float) -> Floats:
    """Return for many bins when the probability of overflow reaches a value, if nobody empties them.

    Returns
    -------
    ndarray
        Seconds since 1970, not before the state's own time; infinite where it is more than `HORIZON_H` away or nothing
        is known.
    """
    if not 0 < probability < 1:
        raise ValueError(f"a probability lies between 0 and 1, not {probability}")
    found = np.full(len(states), np.inf)
    known = np.flatnonzero(np.isfinite(states.as_of_s))
    asked = states[known]
    early, late = np.zeros(len(known)), np.full(len(known), HORIZON_H)

    def reached(hours: Floats) -> NDArray[np.bool_]:
        at_s = asked.as_of_s + 3600.0 * hours
        parts = [_reached(asked[part], at_s[part], BRIM) for part in _parts(len(asked))]
        return np.concatenate(parts) >= probability if parts else np.empty(0, np.bool_)

    within = reached(late)
    late[reached(early)] = 0.0
    for _ in range(HALVINGS):
        middle = (early + late) / 2
        passed = reached(middle)
        late, early = np.where(passed, middle, late), np.where(passed, early, middle)
    found[known[within]] = (asked.as_of_s + 3600.0 * late)[within]
    return found


def level_quantiles(states: States, at_s: Floats, probabilities: Sequence[float]) -> Floats:
    """Return quantiles of many bins' levels, each at a moment of its own.

    Parameters
    ----------
    at_s
        Moments in seconds since 1970, shape (bins,).
    probabilities
        Which quantiles.

    Returns
    -------
    ndarray
        Shape (bins, probabilities); never below 0.
    """
    quantiles = [_quantiles(states[part], at_s[part], probabilities) for part in _parts(len(states))]
    return np.concatenate(quantiles) if quantiles else np.empty((0, len(probabilities)))


Exceeds = Callable[[States, Floats, Floats, Floats], Floats]


def _quantiles(states: States, at_s: Floats, probabilities: Sequence[float]) -> Floats:
    states, at_s, doubt_h = _paced(states, at_s)
    mean, sigma = _mixture(states, at_s, doubt_h)
    lived = _lived(states, at_s, doubt_h, highest=False)
    grid = mean + sigma * _GRID[:, None]
    if lived is None:
        above = _above_each(states, grid, at_s)
    else:
        above = _on_grid(_roughly_exceeds, states, grid, at_s)
        by_rate = np.flatnonzero(lived.share < ROUGH_SHARE)
        above[:, by_rate] = _above_each(states[by_rate], grid[:, by_rate], at_s[by_rate])
        above = (1 - lived.share) * above + lived.above(grid - states.mean)
    # Rounding must not let the distribution fall.
    below = np.maximum.accumulate(1 - above, axis=0)
    share = np.asarray(probabilities, dtype=np.float64)
    found = [np.interp(share, column, levels) for column, levels in zip(below.T, grid.T, strict=True)]
    return np.asarray(np.maximum(np.array(found).reshape(len(states), len(share)), 0.0), dtype=np.float64)


def _above_each(states: States, grid: Floats, at_s: Floats) -> Floats:
    """Return `_above` at every row of a grid as `_GRID` spaces it; between every other one it is a straight line."""
    known = _on_grid(_exceeds, states, grid[::2], at_s)
    above = np.repeat(known, 2, axis=0)[: len(grid)]
    part = ((_GRID[1::2] - _GRID[:-1:2]) / (_GRID[2::2] - _GRID[:-2:2]))[:, None]
    above[1::2] = (1 - part) * known[:-1] + part * known[1:]
    return above


def _on_grid(exceeds: Exceeds, states: States, grid: Floats, at_s: Floats) -> Floats:
    """Ask for all bins at all thresholds in one call: for one bin, calls are what costs."""
    bare = replace(states, diaries=no_diaries(len(states)))
    each = bare[np.tile(np.arange(len(states)), len(grid))]
    return _above(each, grid.ravel(), np.tile(at_s, len(grid)), exceeds).reshape(grid.shape)


def _parts(count: int) -> list[slice]:
    return [slice(begin, begin + TOGETHER) for begin in range(0, count, TOGETHER)]


def _paced(states: States, at_s: Floats) -> tuple[States, Floats, Floats | None]:
    """Put the hours of filling in the place of the clock's.

    Returns
    -------
    tuple
        The states, for which time now passes evenly; the moments by that time; and one standard deviation of the hours
        between, none where it is none. It is in the doubt about the states' rates already.
    """
    if states.paces is None:
        return states, at_s, None
    hours, doubt_h = states.paces.between(states.as_of_s, at_s)
    rival_hours, _ = states.paces.between(states.rival_as_of_s, at_s)
    known = np.isfinite(states.as_of_s)
    at_s = np.where(known, states.as_of_s + 3600.0 * hours, at_s)
    rival_as_of_s = np.where(known, at_s - 3600.0 * rival_hours, states.rival_as_of_s)
    unsure = states.rate * doubt_h / np.maximum(hours, LEAST_GAIN)
    rate_sigma = np.sqrt(states.rate_sigma**2 + unsure**2)
    even = replace(states, paces=None, rival_as_of_s=rival_as_of_s, rate_sigma=rate_sigma)
    return even, at_s, doubt_h if doubt_h.any() else None


def _lived(states: States, at_s: Floats, doubt_h: Floats | None, *, highest: bool) -> Ways | None:
    """Return what the bins' own diaries say, if any was read."""
    if states.diaries.pages.shape[1] == 0:
        return None
    as_of_s = np.where(np.isfinite(states.as_of_s), states.as_of_s, 0.0)
    hours = _hours(states.as_of_s, at_s)
    if doubt_h is None:
        return ways(states.diaries, states.mean, as_of_s, hours, highest=highest)
    # Two equally likely numbers of hours have the mean and the variance of the doubtful one.
    fewer, more = (
        ways(states.diaries, states.mean, as_of_s, np.maximum(one, 0.0), highest=highest)
        for one in (hours - doubt_h, hours + doubt_h)
    )
    gained = np.concatenate([fewer.gained, more.gained], axis=1)
    weight = np.concatenate([fewer.weight, more.weight], axis=1)
    return Ways(gained, np.multiply(weight, 0.5, dtype=np.float32))


def _mixture(states: States, at_s: Floats, doubt_h: Floats | None) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of levels by rate and experience, each bin at a moment of its own."""
    mean, variance = _by_rate(states, at_s)
    if (lived := _lived(states, at_s, doubt_h, highest=False)) is not None:
        first, second = lived.moments()
        rest = 1 - lived.share
        square = rest * (variance + mean**2) + lived.share * states.mean**2 + 2 * states.mean * first + second
        mean = rest * mean + lived.share * states.mean + first
        variance = np.maximum(square - mean**2, 0.0)
    return mean, np.sqrt(variance)


def _by_rate(states: States, at_s: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of levels over both explanations."""
    main_mean, main_variance = _moments(states, states.mean, states.sigma, _hours(states.as_of_s, at_s))
    rival_hours = _hours(states.rival_as_of_s, at_s)
    rival_mean, rival_variance = _moments(states, states.rival_mean, states.rival_sigma, rival_hours)
    weight = states.rival_weight
    mean = (1 - weight) * main_mean + weight * rival_mean
    between = weight * (1 - weight) * (main_mean - rival_mean) ** 2
    return mean, (1 - weight) * main_variance + weight * rival_variance + between


def _hours(since_s: Floats, at_s: Floats) -> Floats:
    return np.maximum(at_s - since_s, 0.0) / 3600.0


def _moments(states: States, mean: Floats, sigma: Floats, hours: Floats) -> tuple[Floats, Floats]:
    gained_variance = states.volatility**2 * hours + (states.rate_sigma * hours) ** 2
    return mean + states.rate * hours, sigma**2 + gained_variance


def _reached(states: States, at_s: Floats, brim: float) -> Floats:
    """Return the probability that the level was at the brim at some moment up to a moment."""
    states, at_s, doubt_h = _paced(states, at_s)
    above = _above(states, np.full(len(states), brim), at_s, _exceeds)
    if (lived := _lived(states, at_s, doubt_h, highest=True)) is not None:
        above = (1 - lived.share) * above + lived.above(brim - states.mean)
    return np.clip(above, 0.0, 1.0)


def _above(states: States, threshold: Floats, at_s: Floats, exceeds: Exceeds) -> Floats:
    """Return the probability of a level of at least `threshold` by the rate alone, over both explanations."""
    hours = _hours(states.as_of_s, at_s)
    above = exceeds(states, threshold - states.mean, states.sigma, hours)
    if (disputed := np.flatnonzero(states.rival_weight > 0)).size:
        part = states[disputed]
        hours = _hours(part.rival_as_of_s, at_s[disputed])
        rival = exceeds(part, threshold[disputed] - part.rival_mean, part.rival_sigma, hours)
        above[disputed] += part.rival_weight * (rival - above[disputed])
    return above


def _roughly_exceeds(states: States, gap: Floats, sigma: Floats, hours: Floats) -> Floats:
    """Return what `_exceeds` returns, to about 0.02, at a twentieth of its cost: enough for the smaller share.

    It is of the shifted gamma variable that has the same mean, variance and skewness as the sum.
    """
    gained = states.rate * hours
    variance = states.volatility**2 * hours + (states.rate_sigma * hours) ** 2
    scale = variance / np.maximum(gained, LEAST_GAIN)
    # The third cumulant of the gain is the sum's, for a normal variable has none.
    third = 2 * variance * scale
    total = np.maximum(sigma**2 + variance, LEAST_SIGMA**2)
    normal = ndtr((gained - gap) / np.sqrt(total))
    shape = 4 * total**3 / np.maximum(third, LEAST_SIGMA**3) ** 2
    skewed = np.flatnonzero(shape < SYMMETRIC_SHAPE)
    shape, width = shape[skewed], np.sqrt(total[skewed] / shape[skewed])
    beyond = (gap[skewed] - gained[skewed]) / width + shape
    normal[skewed] = gammaincc(shape, np.maximum(beyond, 0.0))
    return np.asarray(normal, dtype=np.float64)


def _exceeds(states: States, gap: Floats, sigma: Floats, hours: Floats) -> Floats:
    """Return the probability that a normal doubt plus a gamma gain is at least `gap`.

    Either the doubt alone reaches the gap, or the gain fills what the doubt leaves: that part is integrated.
    """
    sigma = np.maximum(sigma, LEAST_SIGMA)
    already = ndtr(-gap / sigma)
    gained = states.rate * hours
    filling = np.flatnonzero((gained > LEAST_GAIN) & (gap > -REACH_SIGMAS * sigma))
    if filling.size == 0:
        return np.asarray(already, dtype=np.float64)
    gap, sigma, gained, hours = gap[filling], sigma[filling], gained[filling], hours[filling]
    variance = states.volatility[filling] ** 2 * hours + (states.rate_sigma[filling] * hours) ** 2
    variance = np.maximum(variance, LEAST_SIGMA**2 / 100)
    scale = variance / gained
    lowest = np.maximum(-gap / sigma, -REACH_SIGMAS)
    half = (REACH_SIGMAS - lowest) / 2
    doubt = lowest[:, None] + half[:, None] * (_NODES + 1)
    missing = gap[:, None] + sigma[:, None] * doubt
    density = np.exp(-0.5 * doubt**2) / np.sqrt(2 * np.pi)
    filled = gammaincc((gained / scale)[:, None], missing / scale[:, None])
    exceeding = already[filling] + half * (density * filled * _WEIGHTS).sum(axis=1)
    # A gain that is all but certain is a step between two nodes, which they would miss; the sum is normal then.
    certain = (gained > CERTAIN_SHAPE * scale) & (variance < CERTAIN_SHARE * sigma**2)
    already[filling] = np.where(certain, ndtr((gained - gap) / np.sqrt(sigma**2 + variance)), exceeding)
    return np.asarray(np.minimum(already, 1.0), dtype=np.float64)
