"""The filter that turns readings and service records of one bin, in the order they happened, into what is known of it.

Two explanations of the last readings are followed side by side, the believed one and a rival, each a normal level.
A reading far from the believed level is either false (an echo off the wall, a hollow in the heap) or the level did
jump (emptied, or a load thrown in); the odds between the two say which, and every further reading moves them. It is
Bayes' rule for a choice of two, with false readings that cling: on real ultrasonic sensors half of all false readings
are followed by another at the same place. ``docs/sensors.md`` has the counts behind the numbers here.

Nothing here knows the database or the clock; what is remembered from one reading to the next is in the `Estimate`.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sensors.priors import PRIOR_HOURS, Prior

# How many standard deviations of noise a reading may lie off an explanation and still fit it.
FIT_SIGMAS = 3.5
# The same for what may have come in since: more than this is more likely an echo than a load, until the next says so.
GAIN_SIGMAS = 2.0

# Noise of one reading, as a level: where it starts, what it may become, and how fast it is learned.
FIRST_NOISE, LEAST_NOISE, MOST_NOISE = 0.04, 0.04, 0.10
NOISE_PACE = 0.02

# Share of readings that turn false after a true one, and how their distance from the truth thins out.
FALSE_NEAR, FALSE_NEAR_REACH = 0.03, 0.3
FALSE_FAR, FALSE_FAR_REACH = 0.006, 0.12
# One reading alone does not turn belief when another is due soon.
LEAST_DOUBT, SOON_H = 0.3, 3.0
# Probability that a false reading is followed at once by another at the same place, how long that lasts, and that
# false readings return to a place where they were before: rarer for hollows than for things in the way.
CLINGING, CLINGING_H = 0.65, 8.0
RETURNING_NEAR, RETURNING_FAR = 0.08, 0.02
# An emptying takes out this much on average; how often follows from how fast the bin fills. A fall that leaves more
# than this share, or is smaller than that, is no emptying: the level was thought too high.
MEAN_DROP = 0.6
EMPTIED_SHARE, LEAST_DROP = 0.5, 0.15

# Something fixed in the way gives an echo at one level again and again. It is known once readings fell from that level
# this often, more often than from elsewhere; a reading there then says next to nothing.
ECHO_FALL, ECHO_WIDTH = 0.10, 0.04
ECHO_KNOWN, ECHO_MOST = 3.0, 12.0
ECHO_MISS = 0.4
ECHO_SHARE, ECHO_CLINGING = 0.3, 0.97
NEARLY_EMPTY = 0.15

# Log odds that settle a dispute, and how long a rival nothing speaks for stays in mind.
SETTLED = 6.0
RIVAL_LIFE = timedelta(hours=48)

# What is left in a bin whose emptying was reported, and how sure that is: crews leave something, or skip one.
LEFT_BEHIND, LEFT_BEHIND_SIGMA = 0.03, 0.05
# Log odds that a reported emptying took place, before the sensor agrees or not.
CREW_ODDS = 4.0

# A lesson on the rate takes at least this long, so that day and night are both in it; one cut short by an emptying
# still tells the mean, and the spread if it lasted half as long.
LESSON = timedelta(hours=24)
SPREAD_LESSON_H = 12.0
# What was learned counts half after so long, because seasons and habits change; and the rate wanders by this share.
HALF_LIFE_H = 21 * 24.0
DRIFT = 0.3
LEAST_RATE = 1e-6

INTERVAL_PACE = 0.05
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Estimate:
    """What is known of one bin; the fields are those of `sensors.levels.BinState`, which stores them."""

    fill_level: float | None
    sigma: float
    as_of: datetime | None
    rate_per_h: float
    rate_sigma: float
    volatility: float
    learned_h: float
    noise: float
    interval_h: float
    anchor_level: float | None
    anchor_at: datetime | None
    emptied_at: datetime | None
    heard_at: datetime | None
    source: str
    rival_level: float | None
    rival_sigma: float
    rival_as_of: datetime | None
    rival_odds: float
    rival_emptied_at: datetime | None
    disputed_since: datetime | None
    echo_level: float | None
    echo_weight: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the filter made of a reading.

    Parameters
    ----------
    believed
        Whether the reading fits what is now believed.
    expected, sigma
        The level that was expected of it, and the standard deviation.
    turned_at
        If this reading turned belief to the rival: since when the two disagree. Readings since then above `divide`
        speak for the higher level and those below for the lower, and are true or false accordingly.
    divide
        Half-way between the two levels.
    """

    believed: bool
    expected: float
    sigma: float
    turned_at: datetime | None = None
    divide: float = 0.0


def begin(prior: Prior) -> Estimate:
    """Return what is known of a bin before its first word."""
    return Estimate(
        fill_level=None,
        sigma=0.0,
        as_of=None,
        rate_per_h=prior.rate_per_h,
        rate_sigma=prior.rate_sigma,
        volatility=prior.volatility,
        learned_h=PRIOR_HOURS,
        noise=FIRST_NOISE,
        interval_h=0.0,
        anchor_level=None,
        anchor_at=None,
        emptied_at=None,
        heard_at=None,
        source="nothing",
        rival_level=None,
        rival_sigma=0.0,
        rival_as_of=None,
        rival_odds=0.0,
        rival_emptied_at=None,
        disputed_since=None,
        echo_level=None,
        echo_weight=0.0,
    )


def hear(estimate: Estimate, at: datetime) -> None:
    """Note that the sensor spoke, whatever it said."""
    if estimate.heard_at is not None and at > estimate.heard_at:
        gap_h = (at - estimate.heard_at) / HOUR
        usual = estimate.interval_h
        # One long silence is no new habit.
        estimate.interval_h = gap_h if usual == 0.0 else usual + INTERVAL_PACE * (min(gap_h, 4 * usual) - usual)
    if estimate.heard_at is None or at > estimate.heard_at:
        estimate.heard_at = at


def observe(estimate: Estimate, at: datetime, level: float) -> Judgement:
    """Take in one reading, not older than anything taken in before.

    Parameters
    ----------
    estimate
        Changed in place.
    at
        When the level was measured.
    level
        0..1 of the usable volume; a little below 0 is noise.
    """
    if estimate.as_of is None or estimate.fill_level is None:
        _place(estimate, at, level, estimate.noise)
        estimate.source = "sensor"
        _anchor(estimate)
        return Judgement(believed=True, expected=level, sigma=estimate.noise)
    if estimate.rival_as_of is not None and at - max(estimate.rival_as_of, estimate.as_of) > RIVAL_LIFE:
        _drop_rival(estimate)
    _watch_for_echoes(estimate, level)
    gap_h = (at - estimate.as_of) / HOUR
    expected = estimate.fill_level + estimate.rate_per_h * gap_h
    sigma = math.sqrt(estimate.sigma**2 + estimate.noise**2 + estimate.volatility**2 * gap_h)
    fits = _fits(estimate, level, estimate.fill_level, estimate.sigma, gap_h)
    fits_rival = (
        estimate.rival_level is not None
        and estimate.rival_as_of is not None
        and _fits(estimate, level, estimate.rival_level, estimate.rival_sigma, (at - estimate.rival_as_of) / HOUR)
    )
    if fits:
        if estimate.rival_level is not None and not fits_rival:
            estimate.rival_odds += _weight(estimate, at, for_rival=False)
        _believe(estimate, at, level, gap_h)
        if fits_rival or estimate.rival_odds > SETTLED:
            _drop_rival(estimate)
        return Judgement(believed=True, expected=expected, sigma=sigma)
    if fits_rival:
        estimate.rival_odds -= _weight(estimate, at, for_rival=True)
        _strengthen_rival(estimate, at, level)
    else:
        _raise_rival(estimate, at, level, gap_h)
    if estimate.rival_odds >= 0:
        return Judgement(believed=False, expected=expected, sigma=sigma)
    turned_at, divide = _turn(estimate)
    return Judgement(believed=True, expected=expected, sigma=sigma, turned_at=turned_at, divide=divide)


def serve(estimate: Estimate, at: datetime, found: float | None = None) -> None:
    """Take in a crew's word that the bin was emptied, not older than anything taken in before.

    Parameters
    ----------
    estimate
        Changed in place.
    at
        When it was emptied.
    found
        The level the crew found, if what they weighed tells; a bin without a sensor learns its rate from it.
    """
    if estimate.as_of is not None and estimate.fill_level is not None and estimate.source == "sensor":
        gap_h = (at - estimate.as_of) / HOUR
        if not _fits(estimate, LEFT_BEHIND, estimate.fill_level, estimate.sigma, gap_h):
            if gap_h * estimate.rate_per_h < MEAN_DROP:  # else the sensor is silent too long to close a lesson
                _learn(estimate)
            estimate.rival_level = estimate.fill_level + estimate.rate_per_h * gap_h
            estimate.rival_sigma = math.sqrt(estimate.sigma**2 + estimate.volatility**2 * gap_h)
            estimate.rival_as_of = at
            estimate.rival_emptied_at = estimate.emptied_at
            estimate.rival_odds = CREW_ODDS
            estimate.disputed_since = at
            _place(estimate, at, LEFT_BEHIND, LEFT_BEHIND_SIGMA)
        else:
            _drop_rival(estimate)
            estimate.as_of = at
    else:
        if found is not None and estimate.emptied_at is not None and at > estimate.emptied_at:
            _lesson(estimate, found - LEFT_BEHIND, (at - estimate.emptied_at) / HOUR, LEFT_BEHIND_SIGMA**2)
        _place(estimate, at, LEFT_BEHIND, LEFT_BEHIND_SIGMA)
        estimate.source = "service_record"
    estimate.emptied_at = at
    _anchor(estimate)


def _fits(estimate: Estimate, level: float, explained: float, sigma: float, gap_h: float) -> bool:
    """Tell whether noise and an ordinary gain explain a reading: the level may have risen, but never fallen."""
    noise = FIT_SIGMAS * math.sqrt(sigma**2 + estimate.noise**2)
    gain = estimate.rate_per_h * gap_h
    if not _is_echo(estimate, level):
        gain += GAIN_SIGMAS * estimate.volatility * math.sqrt(gap_h)
    return explained - noise <= level <= explained + gain + noise


def _weight(estimate: Estimate, at: datetime, *, for_rival: bool) -> float:
    """Return how much one more reading at one of the two levels speaks for it, as log odds."""
    assert estimate.as_of is not None and estimate.rival_as_of is not None  # noqa: S101, PT018 - both are set together
    assert estimate.fill_level is not None and estimate.rival_level is not None  # noqa: S101, PT018
    rival_spoke_last = estimate.rival_as_of > estimate.as_of
    since_h = (at - max(estimate.rival_as_of, estimate.as_of)) / HOUR
    clinging = CLINGING * math.exp(-since_h / CLINGING_H)
    higher = (estimate.rival_level > estimate.fill_level) == for_rival
    returning = RETURNING_NEAR if higher else RETURNING_FAR
    if higher and _is_echo(estimate, estimate.rival_level if for_rival else estimate.fill_level):
        return -math.log(ECHO_CLINGING)
    if rival_spoke_last == for_rival:
        return -math.log(clinging + returning)
    return math.log((1 - clinging) / returning)


def _is_echo(estimate: Estimate, level: float) -> bool:
    return (
        estimate.echo_level is not None
        and estimate.echo_weight >= ECHO_KNOWN
        and abs(level - estimate.echo_level) <= ECHO_WIDTH
    )


def _watch_for_echoes(estimate: Estimate, level: float) -> None:
    """Learn where readings keep falling from: a majority vote among the levels they fell from (Boyer and Moore)."""
    spoke_last = estimate.fill_level
    if estimate.rival_as_of is not None and estimate.as_of is not None and estimate.rival_as_of > estimate.as_of:
        spoke_last = estimate.rival_level
    if spoke_last is None or spoke_last - level < ECHO_FALL:
        return
    if estimate.echo_level is not None and abs(spoke_last - estimate.echo_level) <= ECHO_WIDTH:
        estimate.echo_weight = min(estimate.echo_weight + 1.0, ECHO_MOST)
        estimate.echo_level += 0.2 * (spoke_last - estimate.echo_level)
        return
    estimate.echo_weight -= ECHO_MISS
    if estimate.echo_weight <= 0.0:
        estimate.echo_level, estimate.echo_weight = spoke_last, 1.0


def _believe(estimate: Estimate, at: datetime, level: float, gap_h: float) -> None:
    assert estimate.fill_level is not None  # noqa: S101 - the caller saw to it
    # The level itself never falls, so a fall is noise: half of two readings' difference.
    fall = min(level - estimate.fill_level, 0.0)
    variance = estimate.noise**2
    variance += NOISE_PACE * (min(fall**2, 9 * variance) - variance)
    estimate.noise = min(max(math.sqrt(variance), LEAST_NOISE), MOST_NOISE)
    mean, sigma = _updated(estimate, estimate.fill_level, estimate.sigma, level, gap_h)
    _place(estimate, at, mean, sigma)
    estimate.source = "sensor"
    if estimate.anchor_at is not None and at - estimate.anchor_at >= LESSON:
        _learn(estimate)
        _anchor(estimate)


def _updated(estimate: Estimate, level: float, sigma: float, reading: float, gap_h: float) -> tuple[float, float]:
    """Kalman's update of a level that rises with the rate and wanders with the volatility."""
    expected = level + estimate.rate_per_h * gap_h
    variance = sigma**2 + estimate.volatility**2 * gap_h
    gain = variance / (variance + estimate.noise**2)
    # What is wrong with one reading is wrong with the next: a heap keeps its shape. Averaging does not help.
    return expected + gain * (reading - expected), max(math.sqrt((1 - gain) * variance), estimate.noise)


def _place(estimate: Estimate, at: datetime, level: float, sigma: float) -> None:
    estimate.fill_level, estimate.sigma, estimate.as_of = max(level, 0.0), sigma, at


def _strengthen_rival(estimate: Estimate, at: datetime, level: float) -> None:
    assert estimate.rival_level is not None and estimate.rival_as_of is not None  # noqa: S101, PT018
    gap_h = (at - estimate.rival_as_of) / HOUR
    mean, sigma = _updated(estimate, estimate.rival_level, estimate.rival_sigma, level, gap_h)
    estimate.rival_level, estimate.rival_sigma, estimate.rival_as_of = max(mean, 0.0), sigma, at


def _raise_rival(estimate: Estimate, at: datetime, level: float, gap_h: float) -> None:
    """Let a reading that fits nothing start a rival: is it false, or did the level jump?"""
    assert estimate.fill_level is not None  # noqa: S101 - the caller saw to it
    apart = abs(level - estimate.fill_level)
    if level < estimate.fill_level:
        false = FALSE_FAR * math.exp(-apart / FALSE_FAR_REACH) / FALSE_FAR_REACH
        true = (1 - math.exp(-estimate.rate_per_h * gap_h / MEAN_DROP)) / max(estimate.fill_level, MEAN_DROP)
        if _is_echo(estimate, estimate.fill_level):
            true += ECHO_SHARE
    else:
        false = FALSE_NEAR * math.exp(-apart / FALSE_NEAR_REACH) / FALSE_NEAR_REACH
        if _is_echo(estimate, level):
            false = ECHO_SHARE / ECHO_WIDTH
        true = _gain_density(estimate, apart, gap_h)
    odds = math.log(max(false, 1e-9) / max(true, 1e-9))
    estimate.rival_level, estimate.rival_sigma, estimate.rival_as_of = max(level, 0.0), estimate.noise, at
    estimate.rival_odds = min(max(odds, LEAST_DOUBT if gap_h < SOON_H else -SETTLED), SETTLED)
    emptied = level < EMPTIED_SHARE * estimate.fill_level and apart > LEAST_DROP
    estimate.rival_emptied_at = at if emptied else estimate.emptied_at
    estimate.disputed_since = at


def _gain_density(estimate: Estimate, gained: float, gap_h: float) -> float:
    """Return the density of the gamma process of `sensors.forecast` at a gain."""
    scale = estimate.volatility**2 / estimate.rate_per_h
    shape = estimate.rate_per_h * max(gap_h, 1e-6) / scale
    return math.exp((shape - 1) * math.log(gained) - gained / scale - math.lgamma(shape) - shape * math.log(scale))


def _drop_rival(estimate: Estimate) -> None:
    estimate.rival_level = estimate.rival_as_of = estimate.rival_emptied_at = estimate.disputed_since = None
    estimate.rival_sigma = estimate.rival_odds = 0.0


def _turn(estimate: Estimate) -> tuple[datetime, float]:
    """Exchange belief and rival; return since when they disagree, and the level half-way between them."""
    assert estimate.fill_level is not None and estimate.rival_level is not None  # noqa: S101, PT018
    assert estimate.disputed_since is not None  # noqa: S101
    old = (estimate.fill_level, estimate.sigma, estimate.as_of, estimate.emptied_at)
    risen = estimate.rival_level > estimate.fill_level
    same_filling = estimate.rival_emptied_at == estimate.emptied_at
    if not risen and not same_filling:
        if _is_echo(estimate, estimate.fill_level):
            # It may have been an echo for long; only an all but empty bin was surely emptied.
            if estimate.rival_level > NEARLY_EMPTY:
                estimate.rival_emptied_at = estimate.emptied_at
        else:
            _learn(estimate)
    estimate.fill_level, estimate.sigma = estimate.rival_level, estimate.rival_sigma
    estimate.as_of, estimate.emptied_at = estimate.rival_as_of, estimate.rival_emptied_at
    estimate.rival_level, estimate.rival_sigma, estimate.rival_as_of, estimate.rival_emptied_at = old
    estimate.rival_odds = -estimate.rival_odds
    estimate.source = "sensor"
    if not (risen and same_filling):  # a load thrown in belongs to the lesson; anything else ends it
        _anchor(estimate)
    return estimate.disputed_since, (estimate.fill_level + old[0]) / 2


def _anchor(estimate: Estimate) -> None:
    estimate.anchor_level, estimate.anchor_at = estimate.fill_level, estimate.as_of


def _learn(estimate: Estimate) -> None:
    """Take the lesson from the anchor to the level believed last."""
    if (
        estimate.anchor_at is not None
        and estimate.anchor_level is not None
        and estimate.as_of is not None
        and estimate.fill_level is not None
        and estimate.as_of > estimate.anchor_at
    ):
        hours = (estimate.as_of - estimate.anchor_at) / HOUR
        _lesson(estimate, estimate.fill_level - estimate.anchor_level, hours, estimate.noise**2)


def _lesson(estimate: Estimate, gained: float, hours: float, doubt: float) -> None:
    """Learn rate and volatility from one gain over some hours, `doubt` being its variance from measuring alone.

    Rate: total gain over total time, fading. Volatility: mean squared surprise per hour, fading likewise.
    """
    fade = 0.5 ** (hours / HALF_LIFE_H)
    kept_h = fade * estimate.learned_h
    if hours >= SPREAD_LESSON_H:
        surprise = max((gained - estimate.rate_per_h * hours) ** 2 - doubt, 0.0) / hours
        lessons = kept_h / (LESSON / HOUR)
        estimate.volatility = math.sqrt((lessons * estimate.volatility**2 + surprise) / (lessons + 1))
    estimate.learned_h = kept_h + hours
    estimate.rate_per_h = max((kept_h * estimate.rate_per_h + gained) / estimate.learned_h, LEAST_RATE)
    estimate.rate_sigma = math.sqrt(estimate.volatility**2 / estimate.learned_h + (DRIFT * estimate.rate_per_h) ** 2)
