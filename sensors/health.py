"""How well a device does its work, and why: a score that is nothing but its reasons.

Each reason says what was seen, in numbers, and what share of the device's use it costs; the score is what the reasons
together leave. Everything here is computed from the days of one device (`sensors.device_days`), so that a score can be
worked out again by hand.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sensors.telemetry import Verdict

Floats = NDArray[np.float64]

# Health is judged by the last days, the battery by more of them.
RECENT_DAYS, BATTERY_DAYS = 14, 90
# A device that has told on fewer days is not judged on that yet.
FEWEST_DAYS = 4

# What a day of the device can hold is what its best days held: this quantile of their counts.
BEST_DAYS = 0.9
# Losing this share of frames is usual for LoRaWAN without acknowledgement (Frankfurt's good sensors: 10 to 17 %).
USUAL_MISSING = 0.2

# Shares of readings from which on a fault is one, and at which nothing is left of the device's use.
FAULTS: Mapping[str, tuple[float, float]] = {
    "spikes": (0.15, 0.6),
    "no_echo": (0.15, 0.7),
    "out_of_range": (0.05, 0.5),
    "tilted": (0.1, 0.8),
    "stuck": (0.1, 0.6),
}
# Which verdicts count for which fault.
OF_FAULT: Mapping[str, frozenset[str]] = {
    "spikes": frozenset({Verdict.SPIKE.value}),
    "no_echo": frozenset({Verdict.SENTINEL.value}),
    "out_of_range": frozenset({Verdict.OUT_OF_RANGE.value}),
    "tilted": frozenset({Verdict.TILTED.value}),
    "stuck": frozenset({Verdict.STUCK.value, Verdict.FROZEN.value}),
}

# Just above what LoRaWAN receivers need: SX1276 data sheet, sensitivity at SF12 and 125 kHz is -137 dBm, the ratio to
# noise -20 dB; and each step below SF12 needs 2.5 dB more, SF9 about -130 dBm. A margin under 5 dB loses frames in rain
# and behind trucks.
LEAST_SNR_AT_SF12_DB, SNR_PER_STEP_DB, SLOWEST = -20.0, 2.5, 12
THIN_MARGIN_DB = 5.0
LEAST_DBM = -130.0

# The battery is as good as empty here: radios fail before the gauge shows nothing.
EMPTY_PERCENT = 5.0
# Told so early that somebody can pass by on another errand.
ENDING_DAYS, LOW_PERCENT = 45.0, 12.0
# A device that says so itself of its battery is believed when it did on its last days: a cold night alone is no end.
# What is left then only its maker knows; it costs what a battery costs that is half-way from warning to end.
FLAGGED_DAYS, FLAGGED_LOST = 2, 0.5
# It is well again above these: a changed battery, not a warm day.
WELL_DAYS, WELL_PERCENT = 75.0, 20.0
# A gauge falls in the cold by up to so much for each degree and is back with the warmth; it never gains by cold.
MOST_PER_DEGREE = 1.5
# Temperature differences below this say nothing of it.
LEAST_DEGREES = 2.0
# The gauge is told as it would be at this temperature.
REFERENCE_C = 15.0
# Quantile of the normal distribution for an 80 % interval.
NORMAL_80 = 1.2816

# A visit counts against the sensor from the second contradiction on: crews err too.
FEWEST_CONTRADICTIONS = 2


class Fault(StrEnum):
    """What can be wrong with a device."""

    BATTERY = "battery"
    SIGNAL = "signal"
    MISSING = "missing"
    SPIKES = "spikes"
    NO_ECHO = "no_echo"
    OUT_OF_RANGE = "out_of_range"
    TILTED = "tilted"
    STUCK = "stuck"
    DISAGREES = "disagrees"


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a device.

    Parameters
    ----------
    verdicts
        How many readings got which verdict.
    battery_percent
        The day's highest, taken in its warmest hour.
    temperature_c, rssi_dbm, snr_db, spreading_factor
        The day's means.
    visits, contradicted
        Emptyings that crews recorded, and those after which the sensor still saw the old level.
    battery_low
        Whether it said so of its battery at least once; none if it never says.
    """

    day: date
    verdicts: Mapping[str, int]
    battery_percent: float | None = None
    temperature_c: float | None = None
    rssi_dbm: float | None = None
    snr_db: float | None = None
    spreading_factor: float | None = None
    visits: int = 0
    contradicted: int = 0
    battery_low: bool | None = None

    @property
    def readings(self) -> int:
        """How many came."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True)
class Battery:
    """Where a battery is going.

    Parameters
    ----------
    percent
        Now, as it would be at `REFERENCE_C`.
    told_percent
        As the device tells it now.
    per_day, per_day_low, per_day_high
        Trend in percent a day, and its 80 % interval.
    days_left, days_left_low, days_left_high
        Until `EMPTY_PERCENT`; none: no end in sight.
    per_degree
        What one degree of cold takes off.
    """

    percent: float
    told_percent: float
    per_day: float
    per_day_low: float
    per_day_high: float
    days_left: float | None
    days_left_low: float | None
    days_left_high: float | None
    per_degree: float

    @property
    def is_ending(self) -> bool:
        """Whether it must be changed."""
        return self.percent <= LOW_PERCENT or (self.days_left is not None and self.days_left <= ENDING_DAYS)

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to think of it."""
        return self.percent >= WELL_PERCENT and (self.days_left is None or self.days_left >= WELL_DAYS)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that costs a device part of its use, worded as ``health.<fault>``.

    Parameters
    ----------
    lost
        Share of its use, 0..1.
    """

    fault: Fault
    lost: float
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """How a device does.

    Parameters
    ----------
    score
        1: all is well, 0: of no use. What the reasons leave.
    reasons
        The worst first.
    battery
        None if it never told enough of it.
    battery_low
        Whether the device itself says so, on each of its last days or on none; none if neither, or it never says.
    """

    score: float
    reasons: tuple[Reason, ...]
    battery: Battery | None
    battery_low: bool | None = None

    @property
    def is_battery_ending(self) -> bool:
        """Whether the battery must be changed, by its trend or by the device's own word."""
        return self.battery_low is True or (self.battery is not None and self.battery.is_ending)

    @property
    def is_battery_well(self) -> bool:
        """Whether nobody needs to think of it, by all that is told of it."""
        if self.battery is None:
            return self.battery_low is False
        return self.battery.is_well and self.battery_low is not True


def health_of(days: Sequence[Day], today: date, without: frozenset[date] = frozenset()) -> Health:
    """Judge a device.

    Parameters
    ----------
    days
        Its days up to yesterday, in any order; one of which nothing came may be left out.
    today
        The day after the last.
    without
        Days that tell nothing of this device, because an outage took its gateway or the platform.
    """
    known = sorted((day for day in days if day.day < today), key=lambda day: day.day)
    recent = [day for day in known if (today - day.day).days <= RECENT_DAYS and day.day not in without]
    battery = battery_of([day for day in known if (today - day.day).days <= BATTERY_DAYS], today)
    low = _says_low(known)
    reasons = [
        *_of_battery(battery, low=low),
        *_of_missing(known, recent, today, without),
        *_of_signal(recent),
        *_of_verdicts(recent),
        *_of_crews(known),
    ]
    score = math.prod(1.0 - reason.lost for reason in reasons)
    return Health(score, tuple(sorted(reasons, key=lambda reason: -reason.lost)), battery, low)


def battery_of(days: Sequence[Day], today: date) -> Battery | None:
    """Tell where a battery is going, by the median of the slopes between all pairs of its days (Theil and Sen).

    What the cold takes is found first, from neighbouring days, and taken out: a frost is no end.
    """
    told = [(day, day.battery_percent) for day in days if day.battery_percent is not None]
    if len(told) < FEWEST_DAYS:
        return None
    at = np.array([(day.day - today).days for day, _ in told], dtype=np.float64)
    percent = np.array([one for _, one in told], dtype=np.float64)
    warmth = np.array([_or_nan(day.temperature_c) for day, _ in told]) - REFERENCE_C
    begin = _since_changed(percent)
    at, percent, warmth = at[begin:], percent[begin:], warmth[begin:]
    per_degree = _per_degree(at, percent, warmth)
    corrected = percent - per_degree * np.nan_to_num(warmth)
    slope, low, high = _trend(at, corrected)
    # Where the trend line stands today.
    now = float(np.clip(np.median(corrected - slope * at), 0.0, 100.0))
    left = now - EMPTY_PERCENT
    return Battery(
        percent=now,
        told_percent=float(percent[-1]),
        per_day=slope,
        per_day_low=low,
        per_day_high=high,
        days_left=_days(left, slope),
        days_left_low=_days(left, low),
        days_left_high=_days(left, high),
        per_degree=per_degree,
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _since_changed(percent: Floats) -> int:
    """Return from which day on it is the same battery: one that jumps up for good was changed."""
    for day in range(len(percent) - FEWEST_DAYS, 0, -1):
        before, after = percent[max(day - FEWEST_DAYS, 0) : day], percent[day : day + FEWEST_DAYS]
        if after.min() - before.max() > WELL_PERCENT:
            return day
    return 0


def _per_degree(at: Floats, percent: Floats, warmth: Floats) -> float:
    """Return what one degree takes, from days that are near in time and far in temperature."""
    early, late = np.triu_indices(len(at), 1)
    degrees = warmth[late] - warmth[early]
    near = (at[late] - at[early] <= RECENT_DAYS) & (np.abs(degrees) >= LEAST_DEGREES)
    if not near.any():
        return 0.0
    slopes = (percent[late] - percent[early])[near] / degrees[near]
    return float(np.clip(np.median(slopes), 0.0, MOST_PER_DEGREE))


def _trend(at: Floats, percent: Floats) -> tuple[float, float, float]:
    """Return the median slope and its 80 % interval (Sen 1968, JASA 63:1379, by the normal form of Kendall's count)."""
    early, late = np.triu_indices(len(at), 1)
    slopes = np.sort((percent[late] - percent[early]) / (at[late] - at[early]))
    days = len(at)
    spread = NORMAL_80 * math.sqrt(days * (days - 1) * (2 * days + 5) / 18.0)
    first = max(int((len(slopes) - spread) / 2), 0)
    last = min(math.ceil((len(slopes) + spread) / 2), len(slopes) - 1)
    return float(np.median(slopes)), float(slopes[first]), float(slopes[last])


def _days(left: float, per_day: float) -> float | None:
    if left <= 0:
        return 0.0
    return left / -per_day if per_day < 0 else None


def _says_low(known: Sequence[Day]) -> bool | None:
    """Tell what a device says of its battery, if it says the same on its last days."""
    said = [day.battery_low for day in known if day.battery_low is not None][-FLAGGED_DAYS:]
    return said[0] if len(said) == FLAGGED_DAYS and len(set(said)) == 1 else None


def _of_battery(battery: Battery | None, *, low: bool | None) -> list[Reason]:
    if battery is None or not battery.is_ending:
        return [Reason(Fault.BATTERY, FLAGGED_LOST)] if low else []
    told = (
        ("percent", battery.percent),
        ("falling", max(-battery.per_day, 0.0)),
        ("days_left", battery.days_left),
        ("days_left_low", battery.days_left_low),
    )
    numbers = {name: value for name, value in told if value is not None}
    days_left = battery.days_left if battery.days_left is not None else ENDING_DAYS
    return [Reason(Fault.BATTERY, 1.0 - min(days_left / ENDING_DAYS, 1.0) * 0.5 - 0.25, numbers)]


def _of_missing(known: Sequence[Day], recent: Sequence[Day], today: date, without: frozenset[date]) -> list[Reason]:
    counts = [day.readings for day in known]
    if len(counts) < FEWEST_DAYS:
        return []
    best = float(np.quantile(counts, BEST_DAYS))
    begun = known[0].day
    asked = [
        day
        for day in range(1, RECENT_DAYS + 1)
        if (when := date.fromordinal(today.toordinal() - day)) not in without and when >= begun
    ]
    if not asked or best == 0:
        return []
    missing = max(1.0 - sum(day.readings for day in recent) / (best * len(asked)), 0.0)
    if missing <= USUAL_MISSING:
        return []
    numbers = {"missing": missing, "per_day": best, "days": float(len(asked))}
    return [Reason(Fault.MISSING, (missing - USUAL_MISSING) / (1.0 - USUAL_MISSING), numbers)]


def _of_signal(recent: Sequence[Day]) -> list[Reason]:
    factor = _mean([day.spreading_factor for day in recent])
    snr, rssi = _mean([day.snr_db for day in recent]), _mean([day.rssi_dbm for day in recent])
    numbers = {
        name: value
        for name, value in (("rssi_dbm", rssi), ("snr_db", snr), ("spreading_factor", factor))
        if value is not None
    }
    margin = None
    # The last spreading factor is the slowest: a device that speaks faster could still slow down, so it has a margin.
    if snr is not None and factor is not None:
        margin = snr - (LEAST_SNR_AT_SF12_DB + SNR_PER_STEP_DB * (SLOWEST - factor)) if factor > SLOWEST - 1 else None
    elif rssi is not None:
        margin = rssi - LEAST_DBM
    if margin is None or margin >= THIN_MARGIN_DB:
        return []
    lost = min((THIN_MARGIN_DB - margin) / (4 * THIN_MARGIN_DB), 0.5)
    return [Reason(Fault.SIGNAL, lost, {**numbers, "margin_db": margin})]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _of_verdicts(recent: Sequence[Day]) -> list[Reason]:
    readings = sum(day.readings for day in recent)
    if len(recent) < FEWEST_DAYS or readings == 0:
        return []
    reasons = []
    for fault, verdicts in OF_FAULT.items():
        faulty = sum(day.verdicts.get(verdict, 0) for day in recent for verdict in verdicts)
        share = faulty / readings
        from_, to = FAULTS[fault]
        if share > from_:
            lost = min((share - from_) / (to - from_), 1.0)
            reasons.append(Reason(Fault(fault), lost, {"share": share, "readings": float(readings)}))
    return reasons


def _of_crews(known: Sequence[Day]) -> list[Reason]:
    visits, contradicted = sum(day.visits for day in known), sum(day.contradicted for day in known)
    if contradicted < FEWEST_CONTRADICTIONS:
        return []
    # Laplace's rule: two of two is not certainty.
    share = (contradicted + 1) / (visits + 2)
    return [Reason(Fault.DISAGREES, share, {"visits": float(visits), "contradicted": float(contradicted)})]
