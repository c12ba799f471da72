"""The filter that turns readings and service records of one bin, in the order they happened, into what is known of it.

Two explanations of the last readings are followed side by side, the believed one and a rival, each a normal level.
A reading far from the believed level is either false (an echo off something in the way, a hollow in the heap) or the
level did jump (emptied, or a load thrown in); the odds between the two say which, and every further reading moves
them. It is Bayes' rule for a choice of two, with false readings that cling: on real ultrasonic sensors half of all
false readings are followed by another at the same place. ``docs/sensors.md`` has the counts behind the numbers here.

Nothing here knows the database or the clock; what is remembered from one reading to the next is in the `Estimate`.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sensors.priors import PRIOR_HOURS, Prior

# How many standard deviations a reading may lie off an explanation and still fit it.
FIT_SIGMAS = 3.5
# The same for what may have come in since: more than this is more likely an echo than a load, until the next says so.
GAIN_SIGMAS = 2.0

# Noise of one reading, as a level: at least what the shape of a heap makes of it, and how fast it is learned.
LEAST_NOISE, MOST_NOISE = 0.04, 0.10
NOISE_PACE = 0.02

# Share of readings that turn false after a true one, and how their distance from the truth thins out. Things in the
# way (near) are more common and farther off than hollows (far).
FALSE_NEAR, FALSE_NEAR_REACH = 0.03, 0.3
FALSE_FAR, FALSE_FAR_REACH = 0.006, 0.12
# Probability that a false reading is followed at once by another at the same place, how long that lasts, and that
# false readings return to a place where they were before.
CLINGING, CLINGING_H = 0.65, 8.0
RETURNING_NEAR, RETURNING_FAR = 0.08, 0.02
# One reading alone does not turn belief when another is due soon.
LEAST_DOUBT, SOON_H = 0.3, 3.0

# An emptying takes out this much on average; how often follows from how fast the bin fills. A fall that leaves more
# than this share, or is smaller than that, is no emptying: the level was thought too high.
MEAN_DROP = 0.6
EMPTIED_SHARE, LEAST_DROP = 0.5, 0.15

# Something fixed in the way gives an echo at one level again and again. It is known once readings fell from that level
# this often, more often than from elsewhere; a reading there then says next to nothing.
ECHO_FALL, ECHO_WIDTH = 0.10, 0.04
ECHO_KNOWN, ECHO_MOST = 3.0, 12.0
ECHO_MISS, ECHO_PACE = 0.4, 0.2
ECHO_SHARE, ECHO_CLINGING = 0.3, 0.97
# After an echo that was believed, only a bin this empty was surely emptied.
NEARLY_EMPTY = 0.15

# Log odds that settle a dispute, and how long a rival nothing speaks for stays in mind.
SETTLED = 6.0
RIVAL_LIFE = timedelta(hours=48)

# What is left in a bin whose emptying was reported, and how sure that is: crews leave something, or skip one.
LEFT_BEHIND, LEFT_BEHIND_SIGMA = 0.03, 0.05
# Log odds that a reported emptying took place, before the sensor agrees or not.
CREW_ODDS = 4.0
# Two words for an emptying within this time are for one: a truck's lift, and what its crew writes down at the stop.
SAME_EMPTYING = timedelta(hours=2)
# Log odds that what somebody saw is right where it contradicts the sensor: people take one bin for another, but they do
# not take a full one for an empty one.
SEEN_ODDS = 2.0

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


class LevelSource(StrEnum):
    """Where the knowledge comes from."""

    SENSOR = "sensor"
    SERVICE_RECORD = "service_record"
    OBSERVATION = "observation"
    NOTHING = "nothing"


@dataclass(slots=True)
class Explanation:
    """One way to explain the last readings.

    Parameters
    ----------
    level, sigma
        0..1 of the usable volume, and its standard deviation.
    as_of
        The last reading or record that speaks for it.
    emptied_at
        When the bin was emptied last, if this is the truth.
    """

    level: float
    sigma: float
    as_of: datetime
    emptied_at: datetime | None


@dataclass(slots=True)
class Estimate:
    """What is known of one bin; `sensors.levels.BinState` stores it and describes the fields."""

    believed: Explanation | None
    rival: Explanation | None
    rival_odds: float
    disputed_since: datetime | None
    rate_per_h: float
    rate_sigma: float
    volatility: float
    learned_h: float
    anchor_level: float | None
    anchor_at: datetime | None
    noise: float
    echo_level: float | None
    echo_weight: float
    interval_h: float
    heard_at: datetime | None
    recent: str
    source: LevelSource

    @property
    def latest(self) -> datetime | None:
        """The newest event that was taken in."""
        spoken = [explanation.as_of for explanation in (self.believed, self.rival) if explanation is not None]
        return max([*spoken, self.heard_at] if self.heard_at is not None else spoken, default=None)


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
        believed=None,
        rival=None,
        rival_odds=0.0,
        disputed_since=None,
        rate_per_h=prior.rate_per_h,
        rate_sigma=prior.rate_sigma,
        volatility=prior.volatility,
        learned_h=PRIOR_HOURS,
        anchor_level=None,
        anchor_at=None,
        noise=LEAST_NOISE,
        echo_level=None,
        echo_weight=0.0,
        interval_h=0.0,
        heard_at=None,
        recent="",
        source=LevelSource.NOTHING,
    )


def hear(estimate: Estimate, at: datetime) -> None:
    """Note that the sensor spoke, whatever it said."""
    if estimate.heard_at is not None:
        if at <= estimate.heard_at:
            return
        gap_h = (at - estimate.heard_at) / HOUR
        usual = estimate.interval_h
        # One long silence is no new habit.
        estimate.interval_h = gap_h if usual == 0.0 else usual + INTERVAL_PACE * (min(gap_h, 4 * usual) - usual)
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
    believed = estimate.believed
    if believed is None:
        _believe(estimate, Explanation(max(level, 0.0), estimate.noise, at, None))
        return Judgement(believed=True, expected=level, sigma=estimate.noise)
    rival = estimate.rival
    if rival is not None and at - max(rival.as_of, believed.as_of) > RIVAL_LIFE:
        _settle(estimate)
        rival = None
    _watch_for_echoes(estimate, believed, rival, level)
    gap_h = (at - believed.as_of) / HOUR
    expected = believed.level + estimate.rate_per_h * gap_h
    sigma = math.sqrt(believed.sigma**2 + estimate.noise**2 + estimate.volatility**2 * gap_h)
    fits_rival = rival is not None and _fits(estimate, rival, at, level)
    if _fits(estimate, believed, at, level):
        if rival is not None and not fits_rival:
            estimate.rival_odds += _weight(estimate, believed, rival, at)
        _follow(estimate, believed, at, level)
        if fits_rival or estimate.rival_odds > SETTLED:
            _settle(estimate)
        return Judgement(believed=True, expected=expected, sigma=sigma)
    if rival is not None and fits_rival:
        estimate.rival_odds -= _weight(estimate, rival, believed, at)
        _update(estimate, rival, at, level)
    else:
        rival = _raise_rival(estimate, believed, at, level)
    if estimate.rival_odds >= 0:
        return Judgement(believed=False, expected=expected, sigma=sigma)
    divide = (believed.level + rival.level) / 2
    turned_at = estimate.disputed_since
    _turn(estimate, believed, rival)
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
    believed = estimate.believed
    emptied = Explanation(LEFT_BEHIND, LEFT_BEHIND_SIGMA, at, at)
    if believed is None or estimate.source is not LevelSource.SENSOR:
        if believed is not None and believed.emptied_at is not None and at - believed.emptied_at > SAME_EMPTYING:
            if found is not None:
                hours = (at - believed.emptied_at) / HOUR
                _lesson(estimate, found - LEFT_BEHIND, hours, doubt=LEFT_BEHIND_SIGMA**2)
            elif estimate.source is LevelSource.OBSERVATION:
                _learn(estimate, doubt=believed.sigma**2)
        estimate.source = LevelSource.SERVICE_RECORD
        estimate.believed = emptied
        _settle(estimate)
    elif _fits(estimate, believed, at, LEFT_BEHIND):
        # The sensor saw it before the crew said so, and sees better what is left.
        believed.as_of = believed.emptied_at = at
        _settle(estimate)
    else:
        gap_h = (at - believed.as_of) / HOUR
        _learn(estimate, doubt=estimate.noise**2)
        estimate.rival = Explanation(
            believed.level + estimate.rate_per_h * gap_h,
            math.sqrt(believed.sigma**2 + estimate.volatility**2 * gap_h),
            at,
            believed.emptied_at,
        )
        estimate.rival_odds, estimate.disputed_since = CREW_ODDS, at
        estimate.believed = emptied
    _anchor(estimate)


def look(estimate: Estimate, at: datetime, level: float, sigma: float) -> None:
    """Take in how full somebody saw the bin, not older than anything taken in before.

    Parameters
    ----------
    estimate
        Changed in place.
    at
        When it was seen.
    level, sigma
        What the word stands for, 0..1 of the usable volume, and its standard deviation.
    """
    believed = estimate.believed
    seen = Explanation(level, sigma, at, None if believed is None else believed.emptied_at)
    if believed is None:
        _see(estimate, seen)
        return
    gap_h = (at - believed.as_of) / HOUR
    expected = believed.level + estimate.rate_per_h * gap_h
    variance = believed.sigma**2 + estimate.volatility**2 * gap_h
    if abs(level - expected) <= FIT_SIGMAS * math.sqrt(variance + sigma**2):
        gain = variance / (variance + sigma**2)
        believed.level = max(expected + gain * (level - expected), 0.0)
        believed.sigma = max(math.sqrt((1 - gain) * variance), LEAST_NOISE)
        believed.as_of = at
        if estimate.source is not LevelSource.SENSOR:
            estimate.source = LevelSource.OBSERVATION
            if estimate.anchor_at is not None and at - estimate.anchor_at >= LESSON:
                _learn(estimate, doubt=believed.sigma**2)
                _anchor(estimate)
        return
    if level < EMPTIED_SHARE * expected and expected - level > LEAST_DROP:
        # Emptied since it was last known, and nobody said when.
        seen.emptied_at = at
    if estimate.source is LevelSource.SENSOR:
        _learn(estimate, doubt=estimate.noise**2)
        estimate.rival = Explanation(expected, math.sqrt(variance), at, believed.emptied_at)
        estimate.rival_odds, estimate.disputed_since = SEEN_ODDS, at
        estimate.believed = seen
        _anchor(estimate)
    else:
        _see(estimate, seen)


def _see(estimate: Estimate, seen: Explanation) -> None:
    """Believe what somebody saw, against nothing."""
    estimate.believed = seen
    estimate.source = LevelSource.OBSERVATION
    _settle(estimate)
    _anchor(estimate)


def _believe(estimate: Estimate, explanation: Explanation) -> None:
    estimate.believed = explanation
    estimate.source = LevelSource.SENSOR
    _anchor(estimate)


def _fits(estimate: Estimate, explanation: Explanation, at: datetime, level: float) -> bool:
    """Tell whether noise and an ordinary gain explain a reading: the level may have risen, but never fallen."""
    gap_h = (at - explanation.as_of) / HOUR
    noise = FIT_SIGMAS * math.sqrt(explanation.sigma**2 + estimate.noise**2)
    gain = estimate.rate_per_h * gap_h
    if not _is_echo(estimate, level):
        gain += GAIN_SIGMAS * estimate.volatility * math.sqrt(gap_h)
    return explanation.level - noise <= level <= explanation.level + gain + noise


def _weight(estimate: Estimate, spoken_for: Explanation, other: Explanation, at: datetime) -> float:
    """Return how much one more reading speaks for one explanation against the other, as log odds."""
    near = spoken_for.level > other.level
    if near and _is_echo(estimate, spoken_for.level):
        return -math.log(ECHO_CLINGING)
    since_h = (at - max(spoken_for.as_of, other.as_of)) / HOUR
    clinging = CLINGING * math.exp(-since_h / CLINGING_H)
    returning = RETURNING_NEAR if near else RETURNING_FAR
    if spoken_for.as_of > other.as_of:
        return -math.log(clinging + returning)
    return math.log((1 - clinging) / returning)


def _follow(estimate: Estimate, believed: Explanation, at: datetime, level: float) -> None:
    """Let a reading that fits move what is believed."""
    # The level itself never falls, so a fall is noise: half of the difference of two readings.
    fall = min(level - believed.level, 0.0)
    variance = estimate.noise**2
    variance += NOISE_PACE * (min(fall**2, 9 * variance) - variance)
    estimate.noise = min(max(math.sqrt(variance), LEAST_NOISE), MOST_NOISE)
    _update(estimate, believed, at, level)
    estimate.source = LevelSource.SENSOR
    if estimate.anchor_at is not None and at - estimate.anchor_at >= LESSON:
        _learn(estimate, doubt=estimate.noise**2)
        _anchor(estimate)


def _update(estimate: Estimate, explanation: Explanation, at: datetime, level: float) -> None:
    """Kalman's update of a level that rises with the rate and wanders with the volatility."""
    gap_h = (at - explanation.as_of) / HOUR
    expected = explanation.level + estimate.rate_per_h * gap_h
    variance = explanation.sigma**2 + estimate.volatility**2 * gap_h
    gain = variance / (variance + estimate.noise**2)
    explanation.level = max(expected + gain * (level - expected), 0.0)
    # What is wrong with one reading is wrong with the next, a heap keeps its shape: averaging does not help.
    explanation.sigma = max(math.sqrt((1 - gain) * variance), estimate.noise)
    explanation.as_of = at


def _raise_rival(estimate: Estimate, believed: Explanation, at: datetime, level: float) -> Explanation:
    """Let a reading that fits nothing start a rival: is it false, or did the level jump?"""
    gap_h = (at - believed.as_of) / HOUR
    apart = abs(level - believed.level)
    emptied_at = believed.emptied_at
    if level < believed.level:
        false = FALSE_FAR * math.exp(-apart / FALSE_FAR_REACH) / FALSE_FAR_REACH
        true = (1 - math.exp(-estimate.rate_per_h * gap_h / MEAN_DROP)) / max(believed.level, MEAN_DROP)
        if _is_echo(estimate, believed.level):
            true += ECHO_SHARE
        if level < EMPTIED_SHARE * believed.level and apart > LEAST_DROP:
            emptied_at = at
    else:
        false = FALSE_NEAR * math.exp(-apart / FALSE_NEAR_REACH) / FALSE_NEAR_REACH
        if _is_echo(estimate, level):
            false = ECHO_SHARE / ECHO_WIDTH
        true = _gain_density(estimate, apart, gap_h)
    odds = math.log(max(false, 1e-9) / max(true, 1e-9))
    estimate.rival_odds = min(max(odds, LEAST_DOUBT if gap_h < SOON_H else -SETTLED), SETTLED)
    estimate.rival = Explanation(max(level, 0.0), estimate.noise, at, emptied_at)
    estimate.disputed_since = at
    return estimate.rival


def _gain_density(estimate: Estimate, gained: float, gap_h: float) -> float:
    """Return the density of the gamma process of `sensors.forecast` at a gain."""
    scale = max(estimate.volatility, LEAST_RATE) ** 2 / max(estimate.rate_per_h, LEAST_RATE)
    shape = estimate.rate_per_h * max(gap_h, 1e-6) / scale
    logarithm = (shape - 1) * math.log(gained) - gained / scale - math.lgamma(shape) - shape * math.log(scale)
    return math.exp(min(logarithm, SETTLED))


def _settle(estimate: Estimate) -> None:
    """End a dispute in favour of what is believed."""
    estimate.rival = estimate.disputed_since = None
    estimate.rival_odds = 0.0


def _turn(estimate: Estimate, old: Explanation, new: Explanation) -> None:
    """Let belief and rival change places."""
    risen = new.level > old.level
    if not risen and new.emptied_at != old.emptied_at:
        if not _is_echo(estimate, old.level):
            _learn(estimate, doubt=estimate.noise**2)
        elif new.level > NEARLY_EMPTY:
            new.emptied_at = old.emptied_at
    estimate.believed, estimate.rival = new, old
    estimate.rival_odds = -estimate.rival_odds
    estimate.source = LevelSource.SENSOR
    if not risen or new.emptied_at != old.emptied_at:  # a load thrown in belongs to the lesson; anything else ends it
        _anchor(estimate)


def _is_echo(estimate: Estimate, level: float) -> bool:
    return (
        estimate.echo_level is not None
        and estimate.echo_weight >= ECHO_KNOWN
        and abs(level - estimate.echo_level) <= ECHO_WIDTH
    )


def _watch_for_echoes(estimate: Estimate, believed: Explanation, rival: Explanation | None, level: float) -> None:
    """Learn where readings keep falling from: a majority vote among the levels they fell from (Boyer and Moore)."""
    last = rival if rival is not None and rival.as_of > believed.as_of else believed
    if last.level - level < ECHO_FALL:
        return
    if estimate.echo_level is not None and abs(last.level - estimate.echo_level) <= ECHO_WIDTH:
        estimate.echo_weight = min(estimate.echo_weight + 1.0, ECHO_MOST)
        estimate.echo_level += ECHO_PACE * (last.level - estimate.echo_level)
        return
    estimate.echo_weight -= ECHO_MISS
    if estimate.echo_weight <= 0.0:
        estimate.echo_level, estimate.echo_weight = last.level, 1.0


def _anchor(estimate: Estimate) -> None:
    """Begin a new lesson on the rate."""
    if estimate.believed is not None:
        estimate.anchor_level, estimate.anchor_at = estimate.believed.level, estimate.believed.as_of


def _learn(estimate: Estimate, *, doubt: float) -> None:
    """Take the lesson from the anchor to the level believed last, `doubt` being its variance from measuring alone."""
    believed = estimate.believed
    if believed is None or estimate.anchor_at is None or estimate.anchor_level is None:
        return
    if (hours := (believed.as_of - estimate.anchor_at) / HOUR) > 0:
        _lesson(estimate, believed.level - estimate.anchor_level, hours, doubt=doubt)


def _lesson(estimate: Estimate, gained: float, hours: float, *, doubt: float) -> None:
    """Learn rate and volatility from one gain over some hours, `doubt` being its variance from measuring alone.

    Rate: total gain over total time, fading. Volatility: mean squared surprise per hour, fading likewise.
    """
    kept_h = 0.5 ** (hours / HALF_LIFE_H) * estimate.learned_h
    if hours >= SPREAD_LESSON_H:
        surprise = max((gained - estimate.rate_per_h * hours) ** 2 - doubt, 0.0) / hours
        lessons = kept_h / (LESSON / HOUR)
        estimate.volatility = math.sqrt((lessons * estimate.volatility**2 + surprise) / (lessons + 1))
    estimate.learned_h = kept_h + hours
    estimate.rate_per_h = max((kept_h * estimate.rate_per_h + gained) / estimate.learned_h, LEAST_RATE)
    estimate.rate_sigma = math.sqrt(estimate.volatility**2 / estimate.learned_h + (DRIFT * estimate.rate_per_h) ** 2)
