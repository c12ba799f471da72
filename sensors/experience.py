"""A bin's own experience: what came in, hour by hour, on the days of its diary that began about this full.

A rate says how fast a bin fills on the whole. How it fills from *here* is another matter: waste settles and is pressed
down, a heap at the sensor's foot hides what lies beside it, near the brim nothing more goes in, something fixed in the
way answers at one level. All of that is in the diary, so the forecast weighs its pages by how much they were like now
and lets each of them go on as it did then (analogue forecasting, Lorenz 1969, J. Atmos. Sci. 26:636; with kernel
weights it is a conditional distribution estimated by Nadaraya and Watson's rule). Pages are like now if the filter
believed the same level, if the sensor's last word was as far off it, and if it was the same time of day. The filter may
be wrong, though, about an echo for days: a part of the forecast goes by what the sensor said, whatever was believed.

Everything here is a pure function of arrays of many bins' diaries. The weights behind the numbers are measured in
``benchmarks/forecast.py``, on sensors other than those they were chosen on.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.diary import MISSING, PAGE_BYTES, SLOT_H, SLOTS, STEPS, Stored

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# How alike two levels are: the widths of the kernels on what was believed, and on how far the last reading was off.
LEVEL_WIDTH, HEARD_WIDTH = 0.08, 0.15
# So much of the forecast goes by the last reading alone. None, a third and all of it: 0.0261, 0.0258, 0.0276.
HEARD_SHARE = 0.3
# What happened long ago counts half after this.
HALF_LIFE_SLOTS = 60 * 24.0 / SLOT_H
# Pages of another time of day, and of another day of the week, count so much less.
OTHER_HOUR, OTHER_DAY = 0.5, 0.8
DAY_SLOTS, WEEK_SLOTS = 4, 28

# The forecast from the rate alone weighs as much as so many pages that are entirely like now.
RATE_WEIGHT = 2.0

# Pages must be followed this far, so that the same ones speak for every moment: odds then never fall as time passes.
FOLLOWED_SLOTS = 12
FOLLOWED_H = FOLLOWED_SLOTS * SLOT_H
# A page that is missing is bridged if the ones around it are no farther apart than this.
BRIDGED_SLOTS = 5
# A fall by this much is an emptying, or a correction as large as one. Pages with one in the next day do not count:
# what they would have gained is not known. After that, a path goes on from before the fall, as if nobody had come.
FALLEN = 0.15
UNFALLEN_SLOTS = 4

# One page stands for levels this far around where it went.
BLUR = 0.03


@dataclass(frozen=True, slots=True)
class Diaries:
    """Many bins' diaries.

    Parameters
    ----------
    pages
        Shape (bins, slots, 3), the last one newest: believed, heard, settled in steps, or `MISSING`. No slots at all
        where no diary was read.
    last_slot
        Slot of the newest page.
    heard
        The level each sensor said last; not a number where none did.
    """

    pages: NDArray[np.uint8]
    last_slot: NDArray[np.int64]
    heard: Doubles

    def __len__(self) -> int:
        return len(self.last_slot)

    def __getitem__(self, chosen: "NDArray[np.bool_] | NDArray[np.intp] | slice") -> "Diaries":
        return Diaries(self.pages[chosen], self.last_slot[chosen], self.heard[chosen])


@dataclass(frozen=True, slots=True)
class Ways:
    """How far the level went from now on, by page.

    Parameters
    ----------
    gained
        Shape (bins, pages).
    weight
        How much each counts, the same shape; a bin's sum up to its `share` of the forecast, the rest being the rate's.
    """

    gained: Floats
    weight: Floats

    @property
    def share(self) -> Doubles:
        """How much of each bin's forecast is experience, 0..1."""
        return np.asarray(self.weight.sum(axis=1), dtype=np.float64)

    def above(self, gap: Doubles) -> Doubles:
        """Return the weight of pages that gained at least `gap`, of shape (bins,) or (thresholds, bins)."""
        gaps = np.atleast_2d(gap).astype(np.float32) / np.float32(BLUR)
        gained = self.gained / np.float32(BLUR) + np.float32(0.5)
        reached = np.empty_like(gained)
        above = np.empty(gaps.shape)
        for row, threshold in enumerate(gaps):
            np.subtract(gained, threshold[:, None], out=reached)
            np.clip(reached, 0, 1, out=reached)
            above[row] = np.einsum("ij,ij->i", self.weight, reached)
        return above.reshape(gap.shape)

    def moments(self) -> tuple[Doubles, Doubles]:
        """Return the sums of weighted gains and of their squares."""
        first = np.einsum("ij,ij->i", self.weight, self.gained)
        second = np.einsum("ij,ij->i", self.weight, self.gained**2)
        return np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64) + BLUR**2 / 12 * self.share


def no_diaries(count: int) -> Diaries:
    """Return the diaries of bins of which none was read."""
    return Diaries(np.empty((count, 0, PAGE_BYTES), np.uint8), np.zeros(count, np.int64), np.full(count, np.nan))


def open_diaries(known: Sequence[tuple[Stored | None, float | None]]) -> Diaries:
    """Put diaries side by side.

    Parameters
    ----------
    known
        Of each bin its diary as stored, if it has one, and the level its sensor said last, if it did.
    """
    pages = np.full((len(known), SLOTS * PAGE_BYTES), MISSING, np.uint8)
    last_slot = np.zeros(len(known), np.int64)
    for row, (stored, _) in enumerate(known):
        if stored is not None:
            last_slot[row], kept = stored[0], np.frombuffer(base64.b64decode(stored[1]), np.uint8)
            pages[row, -len(kept) :] = kept
    heard = np.array([np.nan if level is None else level for _, level in known], dtype=np.float64)
    return Diaries(pages.reshape(len(known), SLOTS, PAGE_BYTES), last_slot, heard)


def ways(diaries: Diaries, level: Doubles, as_of_s: Doubles, hours: Doubles, *, highest: bool) -> Ways:
    """Let every page go on from now as it did then.

    Parameters
    ----------
    level, as_of_s
        What is believed of each bin, and when, in seconds since 1970.
    hours
        How far from then on.
    highest
        Whether to return the highest level on the way, and not the last.
    """
    pages = diaries.pages
    settled = _bridged(pages[:, :, 2])
    believed = np.where(pages[:, :, 0] == MISSING, np.nan, pages[:, :, 0] / np.float32(STEPS)).astype(np.float32)
    heard = (pages[:, :, 1] / np.float32(STEPS)).astype(np.float32)
    path = _unemptied(settled)
    known = np.isfinite(believed) & _followed(settled) & ~_falling(settled)
    gains = _gains(path, hours, highest=highest)
    now = level.astype(np.float32)[:, None]
    said = np.where(np.isfinite(diaries.heard), diaries.heard, level).astype(np.float32)[:, None]
    moment = _same_time(diaries, as_of_s, pages.shape[1])
    off = ((heard - believed - said + now) / np.float32(HEARD_WIDTH)) ** 2
    by_belief = _weights(((believed - now) / np.float32(LEVEL_WIDTH)) ** 2 + off, known, moment)
    by_word = _weights(((heard - said) / np.float32(LEVEL_WIDTH)) ** 2, known, moment)
    from_belief = np.where(known, settled - believed, np.float32(0))
    from_word = np.where(known, settled - heard, np.float32(0)) + said - now
    return Ways(
        np.concatenate([from_belief + gains, from_word + gains], axis=1),
        np.concatenate([np.float32(1 - HEARD_SHARE) * by_belief, np.float32(HEARD_SHARE) * by_word], axis=1),
    )


def _weights(apart: Floats, known: NDArray[np.bool_], moment: Floats) -> Floats:
    """Return the weights of pages so far apart from now, with the rate's weight beside them."""
    like = np.where(known, np.exp(np.float32(-0.5) * apart) * moment, np.float32(0))
    return np.asarray(like / (like.sum(axis=1, keepdims=True) + np.float32(RATE_WEIGHT)), dtype=np.float32)


def settled_levels(diaries: Diaries) -> Floats:
    """Return the levels that diaries settled at, shape (bins, slots), short gaps filled; not a number in long ones."""
    return _bridged(diaries.pages[:, :, 2])


def _bridged(steps: NDArray[np.uint8]) -> Floats:
    """Return levels with short gaps filled by straight lines; not a number in long ones."""
    slots = steps.shape[1]
    there = steps != MISSING
    place = np.broadcast_to(np.arange(slots), steps.shape)
    before = np.maximum.accumulate(np.where(there, place, -1), axis=1)
    after = np.minimum.accumulate(np.where(there, place, slots)[:, ::-1], axis=1)[:, ::-1]
    near = (before >= 0) & (after < slots) & (after - before <= BRIDGED_SLOTS)
    levels = steps / np.float32(STEPS)
    low = np.take_along_axis(levels, np.maximum(before, 0), axis=1)
    high = np.take_along_axis(levels, np.minimum(after, slots - 1), axis=1)
    part = ((place - before) / np.maximum(after - before, 1)).astype(np.float32)
    return np.where(near, low + part * (high - low), np.float32(np.nan))


def _unemptied(settled: Floats) -> Floats:
    """Return the level as if nobody had ever come, from any beginning; it stands still where it is not known."""
    gained = np.diff(settled, axis=1, prepend=settled[:, :1])
    gained = np.where(np.isfinite(gained) & (gained > -FALLEN), gained, np.float32(0))
    return np.cumsum(gained, axis=1, dtype=np.float32)


def _followed(settled: Floats) -> NDArray[np.bool_]:
    """Tell which pages are followed by known ones for long enough."""
    known = np.isfinite(settled)
    summed = np.cumsum(known, axis=1, dtype=np.int32)
    followed = np.zeros(settled.shape, np.bool_)
    if settled.shape[1] > FOLLOWED_SLOTS:
        followed[:, :-FOLLOWED_SLOTS] = summed[:, FOLLOWED_SLOTS:] - summed[:, :-FOLLOWED_SLOTS] == FOLLOWED_SLOTS
    return followed & known


def _falling(settled: Floats) -> NDArray[np.bool_]:
    """Tell after which pages the level fell within a day."""
    slots = settled.shape[1]
    falling = np.zeros(settled.shape, np.bool_)
    highest = settled.copy()
    for step in range(1, UNFALLEN_SLOTS + 1):
        later = settled[:, np.minimum(np.arange(slots) + step, slots - 1)]
        np.fmax(highest, later, out=highest)
        falling |= highest - later > FALLEN
    return falling


def _same_time(diaries: Diaries, as_of_s: Doubles, slots: int) -> Floats:
    """Return how much each page's time was like now, 0..1: lately, at this hour, on this weekday."""
    now = (as_of_s // (SLOT_H * 3600.0)).astype(np.int64)[:, None]
    slot = diaries.last_slot[:, None] - np.arange(slots - 1, -1, -1)
    age = np.maximum(now - slot, 0).astype(np.float32)
    like = np.exp(age * np.float32(-np.log(2) / HALF_LIFE_SLOTS))
    like *= np.where((slot - now) % DAY_SLOTS == 0, np.float32(1), np.float32(OTHER_HOUR))
    weekday = (slot // DAY_SLOTS - now // DAY_SLOTS) % (WEEK_SLOTS // DAY_SLOTS)
    return np.asarray(like * np.where(weekday == 0, np.float32(1), np.float32(OTHER_DAY)), dtype=np.float32)


def _gains(path: Floats, hours: Doubles, *, highest: bool) -> Floats:
    """Return how far each page's path went in some hours, or the highest it came on the way.

    Beyond what pages are followed, a path goes on with its mean pace, and what it was off the bin's mean grows with
    the square root of time, as in any process of independent gains.
    """
    slots = path.shape[1]
    whole = np.minimum(hours / SLOT_H, FOLLOWED_SLOTS)
    reached = np.zeros_like(path)
    best = np.zeros_like(path)
    for step in range(1, int(np.ceil(whole.max(initial=0.0))) + 1):
        later = np.minimum(np.arange(slots) + step, slots - 1)
        part = np.clip(whole - (step - 1), 0.0, 1.0).astype(np.float32)[:, None]
        gain = path[:, later] - path[:, np.maximum(later - 1, 0)]
        reached += part * gain
        np.maximum(best, reached, out=best)
    far = np.maximum(hours / FOLLOWED_H, 1.0)[:, None].astype(np.float32)
    if np.any(far > 1):
        mean = reached.mean(axis=1, keepdims=True)
        reached = np.where(far > 1, np.maximum(mean, 0) * far + (reached - mean) * np.sqrt(far), reached)
        np.maximum(best, reached, out=best)
    return best if highest else reached
