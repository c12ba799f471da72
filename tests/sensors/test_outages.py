"""Silences: what is down is named once, with the devices under it, and who fails alone is named alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.outages import Heard, Scope, silences

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _hourly(chance: np.random.Generator, count: int, *, last_h: float = 0.0, **above: str) -> list[Heard]:
    """Return devices that report hourly and were heard up to so many hours ago; of their frames 14 % are lost."""
    ago_h = last_h + chance.uniform(0, 1, count) + chance.geometric(0.86, count) - 1
    prefix = "".join(above.values())
    return [Heard(f"{prefix}-{row:03}", NOW - ago * HOUR, 1.0, **above) for row, ago in enumerate(ago_h)]


@pytest.mark.parametrize("seed", range(20))
def test_a_platform_that_silences_74_of_77_is_one_outage_with_74_devices_under_it(seed: int) -> None:
    chance = np.random.default_rng(seed)
    devices = _hourly(chance, 74, last_h=5, platform="lora") + _hourly(chance, 3, platform="lora", gateway="g")
    found = silences(devices, NOW)
    assert len(found.outages) == 1
    (outage,) = found.outages
    assert (outage.scope, outage.name, outage.of) == (Scope.PLATFORM, "lora", 77)
    assert len(outage.device_ids) + len(found.single) == 74
    assert len(found.single) <= 1
    assert timedelta(hours=5) <= NOW - outage.since <= timedelta(hours=6)


def test_a_gateway_that_is_down_is_named_and_not_its_platform() -> None:
    chance = np.random.default_rng(1)
    devices = [*_hourly(chance, 40, last_h=6, platform="lora", gateway="north")]
    devices += _hourly(chance, 60, platform="lora", gateway="south")
    (outage,) = silences(devices, NOW).outages
    assert (outage.scope, outage.name, len(outage.device_ids)) == (Scope.GATEWAY, "north", 40)


def test_sensors_that_died_in_different_weeks_are_single_failures_however_many() -> None:
    chance = np.random.default_rng(2)
    dead = [Heard(f"dead-{week}", NOW - timedelta(days=7 * week + 3), 1.0, "g", "lora") for week in range(5)]
    found = silences([*dead, *_hourly(chance, 4, platform="lora", gateway="g")], NOW)
    assert found.outages == ()
    assert {device.device_id for device in found.single} == {device.device_id for device in dead}


def test_one_that_died_before_the_outage_is_not_blamed_on_it() -> None:
    chance = np.random.default_rng(3)
    dead = Heard("dead", NOW - timedelta(days=9), 1.0, "g", "lora")
    found = silences([dead, *_hourly(chance, 30, last_h=4, platform="lora", gateway="g")], NOW)
    assert found.single == (dead,)
    assert len(found.outages) == 1


def test_lost_frames_of_a_lively_network_are_no_outage() -> None:
    for seed in range(50):
        devices = _hourly(np.random.default_rng(seed), 200, platform="lora", gateway="g")
        assert silences(devices, NOW).outages == ()


def test_when_it_is_over_those_still_to_come_back_are_not_reported_one_by_one() -> None:
    chance = np.random.default_rng(4)
    down = _hourly(chance, 77, last_h=30, platform="lora")
    before = silences(down, NOW).outages
    assert len(before) == 1
    back = [Heard(one.device_id, NOW + 0.4 * HOUR, 1.0, platform="lora") for one in down[:40]]
    found = silences([*back, *down[40:]], NOW + 0.5 * HOUR, known=before)
    assert found.single == ()
    assert sum(len(outage.device_ids) for outage in found.outages) == len(before[0].device_ids) - 40
    everyone_else = [Heard(one.device_id, NOW + 9 * HOUR, 1.0, platform="lora") for one in down[:76]]
    much_later = silences([*everyone_else, down[76]], NOW + 9.5 * HOUR, known=before)
    assert (much_later.outages, much_later.single) == ((), (down[76],))


_devices = st.lists(
    st.builds(
        Heard,
        device_id=st.uuids().map(str),
        heard_at=st.floats(0, 3000).map(lambda hours: NOW - hours * HOUR),
        interval_h=st.sampled_from([0.0, 0.2, 1.0, 6.0]),
        gateway=st.sampled_from(["", "a", "b"]),
        platform=st.sampled_from(["", "x", "y"]),
    ),
    max_size=25,
)


@given(_devices)
def test_every_silent_device_is_told_once_and_no_other(devices: list[Heard]) -> None:
    found = silences(devices, NOW)
    told = [name for outage in found.outages for name in outage.device_ids] + [one.device_id for one in found.single]
    assert sorted(told) == sorted(device.device_id for device in devices if device.is_silent(NOW))
    assert silences(reversed(devices), NOW) == found
