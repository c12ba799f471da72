"""Silence: frames the air swallows, devices that are gone for a day, gateways and platforms that take all with them.

Measured on 20 LoRaWAN sensors in Frankfurt over one year of hourly readings: 14 % of the frames never arrived (99 % of
the gaps are at most 4 hours), and every device was silent twice for 46 to 51 hours, all of them at once.
"""

import numpy as np
from numpy.typing import NDArray

from scenarios.chance import Purpose, draw
from scenarios.mounting import Devices

LOST_SHARE = 0.14

# How often a silence begins, per year, and how long it lasts, in hours.
PER_YEAR_DEVICE, HOURS_DEVICE = 1.0, (24, 48)
PER_YEAR_GATEWAY, HOURS_GATEWAY = 4.0, (1, 6)
PER_YEAR_PLATFORM, HOURS_PLATFORM = 2.0, (24, 51)

DAYS_PER_YEAR = 365.25
DAY_H = 24
# A silence that began this many days ago may still last.
DAYS_BACK = 3


def is_heard(hour: int, devices: Devices, seed: int) -> NDArray[np.bool_]:
    """Whether each device's frame of one hour, counted from the epoch, reaches the city. Shape (devices,)."""
    count = len(devices)
    gateways = int(devices.gateway.max(initial=0)) + 1
    silent = np.zeros(count, dtype=bool)
    today = hour // DAY_H
    for day in range(today - DAYS_BACK, today + 1):
        random = draw(seed, Purpose.OUTAGES, day)
        since_midnight = hour - day * DAY_H
        platform = _is_silent(random, 1, PER_YEAR_PLATFORM, HOURS_PLATFORM, since_midnight)
        gateway = _is_silent(random, gateways, PER_YEAR_GATEWAY, HOURS_GATEWAY, since_midnight)
        silent |= platform | gateway[devices.gateway]
        silent |= _is_silent(random, count, PER_YEAR_DEVICE, HOURS_DEVICE, since_midnight)
    lost = draw(seed, Purpose.LOSSES, hour).random(count) < LOST_SHARE
    return ~(silent | lost)


def _is_silent(
    random: np.random.Generator, count: int, per_year: float, lasts_h: tuple[int, int], since_midnight_h: int
) -> NDArray[np.bool_]:
    """Whether each of `count` things is in a silence that began on one day, so many hours after that midnight."""
    falls_silent = random.random(count) < per_year / DAYS_PER_YEAR
    begun_h = random.integers(0, DAY_H, count)
    ends_h = begun_h + random.integers(lasts_h[0], lasts_h[1] + 1, count)
    return falls_silent & (begun_h <= since_midnight_h) & (since_midnight_h < ends_h)
