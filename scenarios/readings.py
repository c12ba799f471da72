"""What devices say of the truth: once an hour, with the noise, the wrong echoes and the faults of real ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.chance import Purpose, draw
from scenarios.hours import HOUR_S
from scenarios.mounting import Devices, Fault
from scenarios.silence import is_heard

# Reports come within a few seconds of the device's own time.
JITTER_S = 12.0

# Around a level that does not change: 20 real sensors scatter by 1 cm, waste is no flat surface, lids move.
NOISE_CM = 1.2

# Wrong echoes of the same sensors lie this far off, either way.
SPIKE_CM = 40.0

# One frame in 300 carries the number that means "no echo".
SENTINEL_SHARE = 1 / 300
SENTINEL_MM = 0xFFFF

NEAREST_CM = 2.0
FARTHEST_CM = 450.0
BATTERY_YEARS = 10

# What a stuck and a tilted one see, whatever is in the bin: a rag on the lens, the wall.
STUCK_LEVEL = 0.37
TILTED_SHARE_OF_HEIGHT = 0.3


class Frames(NamedTuple):
    """The frames that one hour brings, in order of time.

    Attributes
    ----------
    device
        Row of the device.
    at_s
        When it measures and sends, seconds since the epoch.
    error_cm
        What it adds to the true distance.
    sentinel
        Whether it says "no echo" instead.
    temperature_c, battery_percent
        What it says beside.
    """

    device: NDArray[np.int64]
    at_s: NDArray[np.float64]
    error_cm: NDArray[np.float64]
    sentinel: NDArray[np.bool_]
    temperature_c: NDArray[np.float64]
    battery_percent: NDArray[np.int64]

    def between(self, start_s: float, end_s: float) -> "Frames":
        """Return those from `start_s` up to, not at, `end_s`."""
        first, last = np.searchsorted(self.at_s, (start_s, end_s))
        return Frames(
            self.device[first:last],
            self.at_s[first:last],
            self.error_cm[first:last],
            self.sentinel[first:last],
            self.temperature_c[first:last],
            self.battery_percent[first:last],
        )


def frames_in(hour: int, devices: Devices, seed: int) -> Frames:
    """Draw every frame that arrives in one hour, counted from the epoch."""
    random = draw(seed, Purpose.REPORTS, hour)
    count = len(devices)
    jitter = random.uniform(-JITTER_S, JITTER_S, count)
    error_cm = random.normal(0.0, NOISE_CM, count)
    spike = random.random(count) < devices.spike_share
    error_cm = np.where(spike, error_cm + random.normal(0.0, SPIKE_CM, count), error_cm)
    sentinel = random.random(count) < SENTINEL_SHARE
    # A day's warmth: coolest at 4:00 UTC, warmest twelve hours later.
    warmth = 15.0 - 6.0 * np.cos((hour % 24 - 4) * np.pi / 12)
    temperature_c = warmth + random.normal(0.0, 1.0, count)
    drained = (hour / (24 * 365.25) + devices.phase_s / HOUR_S * BATTERY_YEARS) % BATTERY_YEARS / BATTERY_YEARS
    at_s = hour * HOUR_S + (devices.phase_s + jitter).clip(0.0, HOUR_S - 1.0)
    heard = np.flatnonzero(is_heard(hour, devices, seed))
    order = heard[np.argsort(at_s[heard], kind="stable")]
    return Frames(
        device=order,
        at_s=at_s[order],
        error_cm=error_cm[order],
        sentinel=sentinel[order],
        temperature_c=temperature_c[order],
        battery_percent=np.round(100 * (1 - 0.9 * drained)).astype(np.int64)[order],
    )


def distance_mm(
    level: NDArray[np.float64], depth_cm: NDArray[np.float64], frames: Frames, devices: Devices
) -> NDArray[np.int64]:
    """Return the distance each frame carries, millimetres.

    Parameters
    ----------
    level
        True fill level of each frame's bin at its time. Shape (frames,).
    depth_cm
        Depth of each frame's bin. Shape (frames,).
    """
    height_cm = devices.mounting_height_cm[frames.device]
    fault = devices.fault[frames.device]
    seen_level = np.where(fault == Fault.STUCK, STUCK_LEVEL, level)
    distance_cm = height_cm - seen_level * depth_cm
    distance_cm = np.where(fault == Fault.TILTED, TILTED_SHARE_OF_HEIGHT * height_cm, distance_cm)
    error_cm = np.where(fault == Fault.STUCK, 0.0, frames.error_cm)
    millimetres = np.round((distance_cm + error_cm).clip(NEAREST_CM, FARTHEST_CM) * 10).astype(np.int64)
    return np.where(frames.sentinel, SENTINEL_MM, millimetres)
