"""Devices lie as often, and fall silent as long, as real ones did in a year."""

import numpy as np
import pytest

from scenarios.bins import Bins
from scenarios.mounting import MOUNTED_SHARE, Devices, Fault, mount
from scenarios.readings import SENTINEL_MM, distance_mm, frames_in
from scenarios.silence import is_heard

FIRST_HOUR = 492_000
HOURS = 24 * 30


@pytest.fixture(scope="module")
def devices(bins: Bins) -> Devices:
    return mount(bins, 11)


def test_many_bins_have_no_device(bins: Bins, devices: Devices) -> None:
    assert len(devices) / len(bins) == pytest.approx(MOUNTED_SHARE, abs=0.1)
    assert len(set(devices.id)) == len(devices)


def test_at_least_one_is_stuck_and_one_always_tilted(devices: Devices) -> None:
    assert (devices.fault == Fault.STUCK).sum() >= 1
    assert (devices.fault == Fault.TILTED).sum() >= 1


def test_frames_get_lost_as_on_the_air(devices: Devices) -> None:
    """In Frankfurt 14 % of the hourly frames never arrived, and 99 % of the gaps were at most four hours."""
    heard = np.array([is_heard(hour, devices, 11) for hour in range(FIRST_HOUR, FIRST_HOUR + HOURS)])
    assert heard[heard.any(axis=1)].mean() == pytest.approx(0.86, abs=0.02)
    gaps = np.concatenate([np.diff(np.flatnonzero(of_device)) for of_device in heard.T])
    assert np.quantile(gaps, 0.99) <= 4


def test_over_a_year_there_are_long_silences_that_take_all_devices(devices: Devices) -> None:
    shares = [is_heard(hour, devices, 11).mean() for hour in range(FIRST_HOUR, FIRST_HOUR + 24 * 365 * 2, 17)]
    assert min(shares) == 0.0


def test_one_reading_in_seventy_is_a_wrong_echo(bins: Bins, devices: Devices) -> None:
    errors = np.concatenate([frames_in(hour, devices, 11).error_cm for hour in range(FIRST_HOUR, FIRST_HOUR + 24 * 14)])
    assert (np.abs(errors) > 8).mean() == pytest.approx(0.014 * 0.84, rel=0.4)
    assert np.median(np.abs(errors)) == pytest.approx(0.8, abs=0.1)


def test_distances_tell_the_level_and_faulty_devices_do_not(bins: Bins, devices: Devices) -> None:
    frames = frames_in(FIRST_HOUR, devices, 11)
    depth_cm = bins.depth_cm[devices.row[frames.device]]
    half = distance_mm(np.full(len(frames.device), 0.5), depth_cm, frames, devices)
    full = distance_mm(np.full(len(frames.device), 1.0), depth_cm, frames, devices)
    fault = devices.fault[frames.device]
    plain = (fault == Fault.NONE) & ~frames.sentinel & (np.abs(frames.error_cm) < 5)
    assert (half - full)[plain] == pytest.approx(depth_cm[plain] * 5, abs=1)
    assert (half - full)[fault != Fault.NONE] == pytest.approx(0)
    assert (half[frames.sentinel] == SENTINEL_MM).all()
