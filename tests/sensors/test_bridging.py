"""Waste under the sensor: told by letting go, by a weight that contradicts, or by coming far too early."""

import pytest

from sensors.bridging import Bridge, Weighed, bridges
from sensors.falls import read

RATE_PER_H = 0.008


def _bridges(levels: list[float], *emptied: Weighed) -> list[Bridge]:
    hours = [float(hour) for hour in range(len(levels))]
    scattered = [level + 0.004 * ((row * 7) % 5 - 2) for row, level in enumerate(levels)]
    return bridges(hours, scattered, read(hours, scattered, rate_per_h=RATE_PER_H), list(emptied))


def _rising(start: float, hours: int) -> list[float]:
    return [start + RATE_PER_H * hour for hour in range(hours)]


def test_what_seemed_full_for_a_day_and_was_back_where_it_was_hung_under_the_sensor() -> None:
    (bridge,) = _bridges([*_rising(0.1, 40), *[0.97] * 20, *_rising(0.55, 40)])
    assert (bridge.first, bridge.last, bridge.reason) == (40, 59, "bridged_let_go")
    assert bridge.numbers["level"] == pytest.approx(0.97, abs=0.02)


def test_what_seemed_full_and_weighed_little_hung_under_the_sensor() -> None:
    (bridge,) = _bridges([*_rising(0.1, 40), *[0.97] * 20, *_rising(0.02, 40)], Weighed(59.5, 0.3))
    assert (bridge.first, bridge.last, bridge.reason) == (40, 59, "bridged_weighed")
    assert bridge.numbers == {"level": pytest.approx(0.97, abs=0.02), "found": 0.3}


def test_a_jump_to_full_hours_after_an_emptying_is_suspected() -> None:
    levels = [*_rising(0.2, 80), *_rising(0.02, 6), *[0.98] * 30]
    (bridge,) = _bridges(levels, Weighed(79.5, None))
    assert (bridge.first, bridge.last, bridge.reason) == (86, 115, "bridged_too_early")


def test_a_bin_that_fills_as_it_always_does_is_not_suspected() -> None:
    assert _bridges([*_rising(0.02, 120), *_rising(0.02, 40)], Weighed(119.5, 0.9)) == []


def test_a_large_load_that_was_weighed_is_waste() -> None:
    levels = [*_rising(0.3, 40), *[0.95] * 20, *_rising(0.02, 40)]
    assert _bridges(levels, Weighed(59.5, 0.9)) == []
