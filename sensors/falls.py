"""Which falls of a bin's level were emptyings: its readings explained in hindsight, all likely stories side by side.

The filter of `sensors.estimate` has to say at once what it believes; this may look at what came afterwards. Every
reading is explained in one of five ways: the level went on as it does, a load came in, the waste sank a little, the
bin was emptied since the last reading, or the reading is false (an echo, a hollow). False readings cling: the longer
one place has answered, the longer it goes on. Each way has its likelihood, every story of the past branches, and the
few most likely ones are kept (a beam search over Viterbi's trellis). So a level that jumps up, stays for a day and
falls back to exactly where it was is an echo, and one that falls to the bottom and fills again is an emptying.

What others say (a crew's record, a lift, a truck that stopped) makes an emptying likelier around its time, or less
likely where it is missing. Two rounds are gone: the second one knows how fast the bin fills, how much its readings
scatter and where its false ones come from.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

# Stories kept side by side, and how much less likely than the best (log odds) one may be.
STORIES, FORGOTTEN = 8, 9.0

# Scatter of one reading, as a level; what a heap's changing shape adds in an hour.
LEAST_NOISE, MOST_NOISE, WANDER = 0.02, 0.08, 0.008
# Within this many standard deviations a reading goes on from the last, and no other story is told of it.
ORDINARY = 2.5

# A load adds this much on average; this share of what comes in comes as loads.
LOAD, LOAD_SHARE = 0.25, 0.5
# Waste sinks by this much on average, once in so many hours: wet paper, somebody pushing.
SINKS_BY, SINKS_EVERY_H, SINKS_MOST = 0.06, 72.0, 0.18

# A bin is emptied after it filled by this much, but not more often or more seldom than in so many hours.
MEAN_DROP, SOONEST_H, LATEST_H = 0.6, 18.0, 21 * 24.0
# Less is no emptying that a level could show.
LEAST_DROP = 0.12
# What is left: nearly nothing, or, of this share of emptyings, any part of what was there.
LEFT, PARTIAL = 0.07, 0.2
# Nobody expects a crew to take much from a bin this empty.
NEARLY_EMPTY = 0.15

# Share of readings that turn false; of those too near and too far, how far off: near ones anywhere up to a little above
# the brim, far ones mostly a little below the waste.
FALSE, LEAST_FALSE, MOST_FALSE = 0.02, 0.005, 0.15
NEAR, TOP = 0.55, 1.2
FAR_REACH = 0.15
# A false reading is followed by one of the same place with probability 1 - 0.52 n^-0.7 after n of them: on real
# sensors 52 % of the runs end after one, 33 % of the others after two, and some last for days.
ENDS, ENDS_POWER = 0.52, 0.7
CLINGS_H, PLACE_WIDTH = 24.0, 0.025
# Where false readings came from before: this share comes from there again, counted in places so wide.
PLACE, PLACES_SHARE = 0.04, 0.5

# Above this nothing more goes in, and a sensor sees no nearer.
HEAPED = 1.1

# Two falls within so many hours are one emptying, seen half-way.
ONE_VISIT_H = 4.0

RATE_PRIOR_H, LEAST_RATE, MOST_RATE = 72.0, 2e-4, 0.2
_ROOT = math.sqrt(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Hint:
    """Something from outside that speaks for an emptying.

    Parameters
    ----------
    from_h, until_h
        When it would have been.
    probability
        That the bin was emptied then, as far as this alone tells.
    """

    from_h: float
    until_h: float
    probability: float


@dataclass(frozen=True, slots=True)
class Fall:
    """An emptying as the level shows it.

    Parameters
    ----------
    after_h, by_h
        The last true reading before it and the first one after it, in the hours of the readings.
    last_h
        The last reading before `by_h`, true or false: what hid the waste since `after_h` most often was the waste.
    before, after
        Fill levels before and after.
    probability
        That it was one, among the stories that are left.
    """

    after_h: float
    last_h: float
    by_h: float
    before: float
    after: float
    probability: float


@dataclass(frozen=True, slots=True)
class Read:
    """What hindsight makes of a bin's readings.

    Parameters
    ----------
    falls
        The emptyings.
    levels
        The level after each reading.
    false
        Whether each reading is taken to be false.
    rate_per_h, noise
        How fast the bin fills, and how much its readings scatter.
    """

    falls: tuple[Fall, ...]
    levels: tuple[float, ...]
    false: tuple[bool, ...]
    rate_per_h: float
    noise: float


@dataclass(slots=True)
class _Emptied:
    """One emptying of a story, and those before it."""

    row: int
    before: float
    after: float
    earlier: "_Emptied | None"


@dataclass(slots=True)
class _Step:
    """How a story explains one reading, and those before it."""

    level: float
    false: bool
    earlier: "_Step | None"


@dataclass(slots=True)
class _Story:
    """One explanation of all readings so far.

    Parameters
    ----------
    weight
        Its log likelihood.
    level, variance
        Of the waste.
    place, run
        Where false readings are coming from now and how many came; no run: the last reading was true.
    """

    weight: float
    level: float
    variance: float
    place: float
    run: int
    emptied: _Emptied | None
    step: _Step | None


@dataclass(slots=True)
class _Habits:
    """What is known of a bin and its sensor."""

    rate_per_h: float
    noise: float
    false: float = FALSE
    places: dict[int, float] = field(default_factory=dict)


def read(
    hours: Sequence[float],
    levels: Sequence[float],
    *,
    rate_per_h: float,
    hints: Sequence[Hint] = (),
) -> Read:
    """Explain a bin's readings.

    Parameters
    ----------
    hours
        When they were taken, ascending, counted from any moment.
    levels
        0..1 of the usable volume, as each reading alone says.
    rate_per_h
        How fast the bin fills, as far as that is known before.
    hints
        What others say of emptyings, in any order.
    """
    if not hours:
        return Read((), (), (), rate_per_h, LEAST_NOISE)
    habits = _Habits(min(max(rate_per_h, LEAST_RATE), MOST_RATE), _scatter(levels))
    expected = _Expected(hints)
    best, stories = _search(hours, levels, habits, expected)
    habits = _learned(hours, levels, best, habits)
    best, stories = _search(hours, levels, habits, expected)
    steps = _steps(best)
    return Read(
        falls=_falls(hours, best, stories, steps),
        levels=tuple(step.level for step in steps),
        false=tuple(step.false for step in steps),
        rate_per_h=habits.rate_per_h,
        noise=habits.noise,
    )


class _Expected:
    """How likely hints make an emptying within a span: the sum of their hazards."""

    def __init__(self, hints: Sequence[Hint]) -> None:
        self._hints = sorted(hints, key=lambda hint: hint.from_h)
        self._from = [hint.from_h for hint in self._hints]
        self._longest = max((hint.until_h - hint.from_h for hint in self._hints), default=0.0)

    def within(self, start_h: float, end_h: float) -> float:
        """Return the hazard between two moments."""
        if not self._hints:
            return 0.0
        total = 0.0
        first = bisect_left(self._from, start_h - self._longest)
        for hint in self._hints[first : bisect_right(self._from, end_h)]:
            overlap = min(end_h, hint.until_h) - max(start_h, hint.from_h)
            if overlap > 0:
                total -= math.log(1 - hint.probability) * overlap / (hint.until_h - hint.from_h)
        return total


def _scatter(levels: Sequence[float]) -> float:
    """Estimate the scatter of readings from the differences of neighbours, most of which are nothing else."""
    apart = [abs(later - earlier) for earlier, later in pairwise(levels)]
    if not apart:
        return LEAST_NOISE
    # 1.48 times the median of the absolute values is the standard deviation; a difference has twice the variance.
    return min(max(1.48 * median(apart) / math.sqrt(2), LEAST_NOISE), MOST_NOISE)


def _search(
    hours: Sequence[float], levels: Sequence[float], habits: _Habits, expected: _Expected
) -> tuple[_Story, list[_Story]]:
    first = max(levels[0], 0.0)
    # The very first reading may be false as well; the others will tell.
    stories = [
        _Story(0.0, first, habits.noise**2, 0.0, 0, None, _Step(first, False, None)),
        _Story(math.log(habits.false), 0.4, 0.09, levels[0], 1, None, _Step(0.4, True, None)),
    ]
    for row in range(1, len(hours)):
        gap_h = max(hours[row] - hours[row - 1], 1e-3)
        level = levels[row]
        if len(stories) == 1 and stories[0].run == 0 and _goes_on(stories[0], level, gap_h, habits):
            continue
        hinted = expected.within(hours[row - 1], hours[row])
        branched = [child for story in stories for child in _branches(story, row, level, gap_h, hinted, habits)]
        stories = _kept(branched)
    return stories[0], stories


def _goes_on(story: _Story, level: float, gap_h: float, habits: _Habits) -> bool:
    """Let the only story go on with a reading that needs no explaining."""
    ahead = _ahead(story.level, habits.rate_per_h * gap_h)
    variance = story.variance + (WANDER**2 + habits.rate_per_h * LOAD * 0.1) * gap_h
    total = variance + habits.noise**2
    if (level - ahead) ** 2 > ORDINARY**2 * total:
        return False
    gain = variance / total
    story.level = max(ahead + gain * (level - ahead), 0.0)
    story.variance = (1 - gain) * variance
    story.step = _Step(story.level, False, story.step)
    return True


def _ahead(level: float, gain: float) -> float:
    """Return the level expected next: it rises as long as there is room."""
    return max(level, min(level + gain, HEAPED))


def _branches(story: _Story, row: int, seen: float, gap_h: float, hinted: float, habits: _Habits) -> list[_Story]:
    rate, noise = habits.rate_per_h, habits.noise
    ahead = _ahead(story.level, rate * gap_h)
    variance = story.variance + (WANDER**2 + rate * LOAD * 0.1) * gap_h
    total = variance + noise**2
    sigma = math.sqrt(total)
    off = seen - ahead
    ordinary = math.exp(-0.5 * off * off / total) / (sigma * _ROOT)
    usual = min(max(MEAN_DROP / rate, SOONEST_H), LATEST_H)
    hazard = gap_h / usual + (hinted if story.level > NEARLY_EMPTY else 0.0)
    stays = math.exp(-hazard)
    true = (1 - habits.false) * (1 - _clings(story, gap_h))
    children: list[_Story] = []

    def told(likelihood: float, level: float, spread: float, emptied: _Emptied | None) -> None:
        step = _Step(level, False, story.step)
        children.append(_Story(story.weight + math.log(likelihood + 1e-300), level, spread, 0.0, 0, emptied, step))

    if story.run == 0 and abs(off) < ORDINARY * sigma:
        gain = variance / total
        told(true * stays * ordinary, max(ahead + gain * off, 0.0), (1 - gain) * variance, story.emptied)
        return children
    if abs(off) < 5 * sigma:
        gain = variance / total
        told(true * stays * ordinary, max(ahead + gain * off, 0.0), (1 - gain) * variance, story.emptied)
    if off < -sigma and seen > story.level - 3 * noise:
        # Nothing came in all the while.
        still, spread = seen - story.level, story.variance + noise**2
        nothing = math.exp(-rate * gap_h / LOAD - 0.5 * still * still / spread) / math.sqrt(2 * math.pi * spread)
        told(true * stays * nothing, max(seen, 0.0), noise**2, story.emptied)
    if off > sigma:
        comes = 1 - math.exp(-gap_h * LOAD_SHARE * rate / LOAD)
        told(true * stays * comes * math.exp(-off / LOAD) / LOAD, seen, noise**2, story.emptied)
    if -SINKS_MOST < off < -sigma:
        sinks = 1 - math.exp(-gap_h / SINKS_EVERY_H)
        told(true * stays * sinks * math.exp(off / SINKS_BY) / SINKS_BY, max(seen, 0.0), noise**2, story.emptied)
    if -off > max(LEAST_DROP, sigma):
        left = LEFT + 0.5 * rate * gap_h
        rest = (1 - PARTIAL) * math.exp(-max(seen, 0.0) / left) / left + PARTIAL / max(ahead, 0.3)
        level = max(seen, 0.0)
        emptied = _Emptied(row, story.level, level, story.emptied)
        told(true * (1 - stays) * rest, level, noise**2, emptied)
    children += _false(story, seen, ahead, variance, gap_h, stays, habits)
    return children


def _clings(story: _Story, gap_h: float) -> float:
    """Return the probability that what answered instead of the waste answers again."""
    if story.run == 0:
        return 0.0
    return (1 - ENDS * math.pow(story.run, -ENDS_POWER)) * math.exp(-gap_h / CLINGS_H)


def _false(
    story: _Story, seen: float, ahead: float, variance: float, gap_h: float, stays: float, habits: _Habits
) -> list[_Story]:
    clings = _clings(story, gap_h)
    # Nothing is false that the waste itself explains well; that story is told already.
    if seen > ahead:
        density = NEAR / (max(TOP, seen) - ahead + 0.1)
    else:
        away = ahead - seen
        density = (1 - NEAR) * 0.5 * (math.exp(-away / FAR_REACH) / FAR_REACH + 1 / (ahead + 0.1))
    if habits.places:
        known = habits.places.get(int(seen / PLACE), 0.0) / PLACE
        density = (1 - PLACES_SHARE) * density + PLACES_SHARE * known
    anew = (1 - clings) * habits.false * density
    again = 0.0
    if story.run:
        away = (seen - story.place) / PLACE_WIDTH
        again = clings * math.exp(-0.5 * away * away) / (PLACE_WIDTH * _ROOT)
    likelihood = stays * max(again, anew)
    run = story.run + 1 if again >= anew else 1
    place = story.place + (seen - story.place) / run if again >= anew else seen
    step = _Step(ahead, True, story.step)
    weight = story.weight + math.log(likelihood + 1e-300)
    return [_Story(weight, ahead, variance, place, run, story.emptied, step)]


def _kept(stories: list[_Story]) -> list[_Story]:
    """Keep the most likely stories, and of those that go on alike the most likely one."""
    stories.sort(key=lambda story: -story.weight)
    best = stories[0].weight
    kept: list[_Story] = []
    seen = set()
    for story in stories:
        if best - story.weight > FORGOTTEN or len(kept) == STORIES:
            break
        key = (
            int(story.level * 40),
            int(story.place * 25) if story.run else -1,
            story.emptied.row if story.emptied else -1,
        )
        if key not in seen:
            seen.add(key)
            story.weight -= best
            kept.append(story)
    return kept


def _steps(story: _Story) -> list[_Step]:
    steps = []
    step = story.step
    while step is not None:
        steps.append(step)
        step = step.earlier
    steps.reverse()
    return steps


def _learned(hours: Sequence[float], levels: Sequence[float], story: _Story, before: _Habits) -> _Habits:
    """Learn the bin's and the sensor's habits from the best story of a first round."""
    steps = _steps(story)
    span_h = hours[-1] - hours[0]
    gained = sum(
        max(later.level - earlier.level, -SINKS_BY)
        for earlier, later in pairwise(steps)
        if later.level > earlier.level - LEAST_DROP
    )
    rate = (max(gained, 0.0) + before.rate_per_h * RATE_PRIOR_H) / (span_h + RATE_PRIOR_H)
    off = [abs(level - step.level) for level, step in zip(levels, steps, strict=True) if not step.false]
    noise = min(max(1.48 * median(off), LEAST_NOISE), MOST_NOISE) if off else before.noise
    starts = 0
    places: dict[int, float] = {}
    for row, (level, step) in enumerate(zip(levels, steps, strict=True)):
        if step.false and (row == 0 or not steps[row - 1].false or abs(level - levels[row - 1]) > PLACE):
            places[int(level / PLACE)] = places.get(int(level / PLACE), 0.0) + 1.0
            starts += 1
    total = sum(places.values())
    false = (starts + 20 * FALSE) / (len(steps) + 20)
    return _Habits(
        rate_per_h=min(max(rate, LEAST_RATE), MOST_RATE),
        noise=max(noise, 0.7 * before.noise),
        false=min(max(false, LEAST_FALSE), MOST_FALSE),
        places={place: count / total for place, count in places.items()},
    )


def _falls(hours: Sequence[float], best: _Story, stories: Sequence[_Story], steps: Sequence[_Step]) -> tuple[Fall, ...]:
    weights = [math.exp(story.weight - best.weight) for story in stories]
    whole = sum(weights)
    rows = [[one.row for one in _chain(story)] for story in stories]
    falls: list[Fall] = []
    for emptied in reversed(_chain(best)):
        shared = sum(
            weight
            for weight, of_story in zip(weights, rows, strict=True)
            if any(abs(hours[row] - hours[emptied.row]) <= ONE_VISIT_H for row in of_story)
        )
        # While something else answered the bin may have been emptied already.
        last = emptied.row - 1
        while last > 0 and steps[last].false:
            last -= 1
        fall = Fall(
            after_h=hours[last],
            last_h=hours[emptied.row - 1],
            by_h=hours[emptied.row],
            before=emptied.before,
            after=emptied.after,
            probability=min(shared / whole, 1.0),
        )
        if falls and fall.after_h - falls[-1].by_h <= ONE_VISIT_H:
            first = falls.pop()
            fall = replace(first, after=fall.after, probability=max(first.probability, fall.probability))
        falls.append(fall)
    return tuple(falls)


def _chain(story: _Story) -> list[_Emptied]:
    chain = []
    emptied = story.emptied
    while emptied is not None:
        chain.append(emptied)
        emptied = emptied.earlier
    return chain
