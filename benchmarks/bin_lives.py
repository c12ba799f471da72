"""Lives of bins that are made up: what is truly in them, when they are emptied, and what their sensors say of it.

The noise is that of real sensors as ``docs/sensors.md`` tells: 1.4 % false readings and 7 % on the worst sensor, most
of one place and clinging; sentinels; 14 % of the frames lost; every sensor silent for over a day twice a year, all at
once; one of 77 stuck and one always tilted. The bins fill by loads with the rhythm of the day, their waste sinks, crews
leave something and sometimes a lot, come late, or write down that they came when they did not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_H, YEAR_H = 24, 8766.0
DEPTH_CM, HEADROOM_CM = (80, 180), (12, 26)
NOISE_CM = 1.2
# A heap keeps its shape for about a day; how far the point under the sensor is off its mean level.
SHAPE, SHAPE_LASTS_H = 0.025, 24.0

SPIKES, WORST_SPIKES, SPIKES_SHAPE = 0.014, 0.07, 0.7
# Lengths of runs of false readings from one place: 1, 2, 3 and a tail of days.
RUNS, RUN_SHARES = (1, 2, 3, 0), (0.52, 0.16, 0.08, 0.24)
LONGEST_RUN = 48
FIXED_PLACE = 0.5
SENTINELS, SENTINEL_CM = 1 / 300, 255.0
LOST = 0.14
PLATFORM_OUTAGES_A_YEAR, PLATFORM_OUTAGE_H = 2.0, (24, 51)
GATEWAY_OUTAGES_A_YEAR, GATEWAY_OUTAGE_H = 4.0, (1, 6)
STILL_HEARD = 3 / 77

# An emptying that takes less cannot be told from waste that sinks; it is neither asked for nor held against anybody.
LEAST_DROP = 0.15


@dataclass(frozen=True)
class Life:
    """One bin over some weeks.

    Parameters
    ----------
    height_cm, depth_cm
        Of the sensor above the bottom, and up to where the bin is full.
    hours, distances_cm, tilted
        What arrived from the sensor.
    emptied_h, taken
        When the bin was emptied, and by how much its level fell.
    records_h, weights
        When crews wrote that they emptied it, and what they weighed as a level; not a number where nothing was weighed.
    lifts_h
        When a truck's reader saw its tag lifted.
    sees
        Whether the sensor sees anything: it is neither stuck nor tilted.
    """

    height_cm: int
    depth_cm: int
    hours: Floats
    distances_cm: Floats
    tilted: NDArray[np.bool_]
    emptied_h: Floats
    taken: Floats
    records_h: Floats
    weights: Floats
    lifts_h: Floats
    sees: bool


def lives(count: int, days: int, seed: int) -> list[Life]:
    """Make up the lives of bins whose sensors share a platform and three gateways."""
    chance = np.random.default_rng(seed)
    hours = days * DAY_H
    platform = _silent(chance, hours, PLATFORM_OUTAGES_A_YEAR, PLATFORM_OUTAGE_H)
    gateways = [_silent(chance, hours, GATEWAY_OUTAGES_A_YEAR, GATEWAY_OUTAGE_H) for _ in range(3)]
    faults = dict(zip(chance.permutation(count)[:2].tolist(), ("stuck", "tilted"), strict=False)) if count >= 40 else {}
    return [
        _life(
            chance,
            hours,
            platform if chance.random() > STILL_HEARD else platform[:0],
            gateways[row % 3],
            faults.get(row),
        )
        for row in range(count)
    ]


def _silent(chance: np.random.Generator, hours: int, a_year: float, lasts_h: tuple[int, int]) -> Floats:
    begins = chance.uniform(0, hours, chance.poisson(a_year * hours / YEAR_H))
    return np.array([(begin, begin + chance.uniform(*lasts_h)) for begin in begins]).reshape(-1, 2)


def _life(chance: np.random.Generator, hours: int, platform: Floats, gateway: Floats, fault: str | None) -> Life:
    depth_cm = int(chance.integers(*DEPTH_CM))
    height_cm = depth_cm + int(chance.integers(*HEADROOM_CM))
    levels, emptied = _filled(chance, hours)
    true_h = np.arange(len(levels)) / 4
    at_h = np.arange(hours) + chance.uniform(0, 1) + chance.normal(0, 0.01, hours)
    at_h = at_h[(at_h > 0) & (at_h < hours - 0.5) & (chance.random(hours) > LOST)]
    for begin, end in (*platform, *gateway):
        at_h = at_h[(at_h < begin) | (at_h > end)]
    seen = _seen(chance, levels[np.searchsorted(true_h, at_h, side="right") - 1], at_h)
    if fault == "stuck":
        seen[:] = 0.37
    distances = height_cm - depth_cm * seen + chance.normal(0, NOISE_CM, len(seen)) * (fault != "stuck")
    if fault == "tilted":
        distances[:] = 0.3 * height_cm
    distances = np.round(distances.clip(2, 450))
    distances[chance.random(len(distances)) < SENTINELS] = SENTINEL_CM
    return Life(
        height_cm,
        depth_cm,
        at_h,
        distances,
        np.full(len(at_h), fault == "tilted"),
        *_told(chance, emptied, hours),
        fault is None,
    )


def _filled(chance: np.random.Generator, hours: int) -> tuple[Floats, list[tuple[float, float, float]]]:
    """Return the true level every quarter of an hour, and the emptyings: when, from and to which level."""
    rate = float(np.exp(chance.normal(np.log(0.008), 0.5)))
    load = float(chance.uniform(0.01, 0.12))
    rhythm = 1 + 0.8 * np.sin((np.arange(24) - 8) * np.pi / 12)
    partial = float(chance.choice([0.0, 0.05, 0.15]))
    wanted, interval_h = float(chance.uniform(0.6, 1.0)), float(chance.uniform(3, 20)) * DAY_H
    level, last_h = float(chance.uniform(0, 0.6)), 0.0
    levels, emptied = [], []
    due = False
    for quarter in range(hours * 4):
        at_h = quarter / 4
        hour = int(at_h) % 24
        level += float(chance.gamma(rate * rhythm[hour] / 4 / load, load)) if rate else 0.0
        if chance.random() < 0.002:  # somebody throws in furniture, or a sack of cartons
            level += float(chance.exponential(0.15))
        if chance.random() < 0.0015:
            level *= float(chance.uniform(0.85, 0.98))  # it sinks
        level = min(level, 1.25)
        if hour == 0 and quarter % 4 == 0:
            due = due or level > wanted or at_h - last_h > interval_h
        if due and 5 <= hour < 15 and chance.random() < 0.03:
            left = float(chance.beta(1, 20)) if chance.random() > partial else float(chance.uniform(0.15, 0.6))
            before, level = level, min(left, level) if left < 0.15 else left * level
            emptied.append((at_h, before, level))
            due, last_h = False, at_h
        levels.append(level)
    return np.array(levels), emptied


def _seen(chance: np.random.Generator, true: Floats, at_h: Floats) -> Floats:
    """Return the level that each reading shows: off by the heap's shape, and false now and then."""
    seen = true.copy()
    shape = 0.0
    for row in range(len(seen)):
        gap_h = at_h[row] - at_h[row - 1] if row else 1e3
        kept = np.exp(-gap_h / SHAPE_LASTS_H)
        shape = kept * shape + np.sqrt(1 - kept**2) * chance.normal(0, SHAPE)
        seen[row] += shape * min(1.0, 4 * true[row])
    share = min(float(chance.gamma(SPIKES_SHAPE, SPIKES / SPIKES_SHAPE)), WORST_SPIKES)
    fixed = float(chance.uniform(0.4, 1.0)) if chance.random() < FIXED_PLACE else None
    mean_run = 1 * 0.52 + 2 * 0.16 + 3 * 0.08 + 0.24 * 12
    row = 0
    while row < len(seen):
        if chance.random() >= share / mean_run:
            row += 1
            continue
        run = int(chance.choice(RUNS, p=RUN_SHARES)) or min(4 + int(chance.exponential(10)), LONGEST_RUN)
        place = fixed if fixed is not None and chance.random() < 0.7 else float(chance.uniform(-0.05, 1.1))
        place = max(place, true[row]) if chance.random() < 0.7 else place
        end = min(row + run, len(seen))
        seen[row:end] = place + chance.normal(0, 0.01, end - row)
        row = end + 1
    return seen


def _told(chance: np.random.Generator, emptied: list[tuple[float, float, float]], hours: int) -> tuple[Floats, ...]:
    """Return emptyings, and what crews and trucks say of them: some things are missing, some were never done."""
    when = np.array([at for at, _, _ in emptied])
    taken = np.array([before - after for _, before, after in emptied])
    recorded = chance.random(len(when)) < 0.9
    records = when[recorded] + chance.normal(0, 0.15, recorded.sum())
    weights = np.where(chance.random(len(when)) < 0.5, taken * np.exp(chance.normal(0, 0.25, len(when))), np.nan)[
        recorded
    ]
    false = chance.uniform(0, hours, chance.binomial(len(when), 0.03))
    records, weights = np.concatenate([records, false]), np.concatenate([weights, np.full(len(false), np.nan)])
    lifts = when[chance.random(len(when)) < 0.6]
    return when, taken, records, weights, lifts
