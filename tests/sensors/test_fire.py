"""Fire: told by the first reading that shows it, never by the sun, a broken probe or what the next reading denies."""

import gzip
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.decoders import decode
from sensors.fire import BROKEN_PROBE_C, HOT_C, LOOK_BACK, WARM_C, Heat, fire_of, may_burn
from sensors.uplink import Uplink

BEGIN = datetime(2026, 7, 3, 6, tzinfo=UTC)


def heats(*temperatures: float, every: timedelta = timedelta(hours=1)) -> list[Heat]:
    """Return readings, one after the other."""
    return [Heat(BEGIN + number * every, f"{number}", one) for number, one in enumerate(temperatures)]


def test_the_first_hot_reading_is_told_and_the_second_confirms_it() -> None:
    first = fire_of(heats(24, 25, 74))
    assert first is not None
    assert (first.confirmed, first.hottest_c, first.from_c, first.keys) == (False, 74, 25, ("2",))
    second = fire_of(heats(24, 25, 74, 90))
    assert second is not None
    assert (second.confirmed, second.hottest_c, second.began_at) == (True, 90, BEGIN + timedelta(hours=2))


def test_a_rise_that_the_sun_cannot_make_is_told_before_it_is_hot() -> None:
    assert fire_of(heats(20, 22, 55)) is not None
    assert fire_of(heats(30, 52, every=timedelta(minutes=10))) is not None


def test_one_reading_that_the_next_denies_is_no_fire() -> None:
    assert fire_of(heats(20, 93, 20)) is None


@pytest.mark.parametrize("broken", sorted(BROKEN_PROBE_C))
def test_a_broken_probe_is_no_fire_however_often_it_repeats_itself(broken: float) -> None:
    assert fire_of(heats(20, 21, broken, broken, broken, 21, broken)) is None


def test_a_fire_that_passes_through_the_value_of_a_broken_probe_is_told_by_the_next() -> None:
    fire = fire_of(heats(21, 85.0, 131))
    assert fire is not None
    assert fire.began_at == BEGIN + timedelta(hours=2)


def test_a_fire_is_out_after_two_cool_readings_and_not_after_one() -> None:
    assert fire_of(heats(20, 74, 90, 30)) is not None
    assert fire_of(heats(20, 74, 90, 30, 28)) is None
    assert fire_of(heats(20, 74, 90, 30, 71)) is not None


@given(st.lists(st.floats(-40, WARM_C - 0.1), max_size=30))
def test_what_is_never_warm_is_never_a_fire_however_it_jumps(temperatures: list[float]) -> None:
    assert fire_of(heats(*temperatures)) is None


@given(st.lists(st.floats(-40, 69), max_size=10), st.floats(HOT_C, 300).filter(lambda one: one not in BROKEN_PROBE_C))
def test_a_hot_reading_is_never_told_late(before: list[float], hot: float) -> None:
    assert fire_of(heats(*before, hot)) is not None


def test_a_year_of_sun_raises_no_fire_and_each_fire_put_into_it_is_told_at_once(shared_data: Path) -> None:
    year: dict[str, list[Heat]] = defaultdict(list)
    body = gzip.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes())
    for uplink in decode("fes-csv", body):
        assert isinstance(uplink, Uplink)
        assert uplink.measured is not None
        if uplink.measured.temperature_c is not None:
            year[uplink.device_id].append(Heat(uplink.at, str(uplink.at), uplink.measured.temperature_c))
    looked = told = 0
    for of_device in year.values():
        of_device.sort(key=lambda heat: heat.at)
        for number, heat in enumerate(of_device):
            recent = [one for one in of_device[max(number - 12, 0) : number] if heat.at - one.at <= LOOK_BACK]
            if may_burn(heat.temperature_c):
                looked += 1
                told += fire_of([*recent, heat]) is not None
            if number % 97 == 0 and recent:
                burning = Heat(heat.at, "burning", recent[-1].temperature_c + 62.5)
                assert burning.temperature_c < HOT_C or fire_of([*recent, burning]) is not None
    assert (looked > 600, told) == (True, 0)


def flags(*readings: tuple[float | None, bool | None]) -> list[Heat]:
    """Return hourly readings of a temperature and what the device itself says."""
    return [Heat(BEGIN + number * timedelta(hours=1), f"{number}", *one) for number, one in enumerate(readings)]


def test_a_device_that_says_fire_is_believed_as_much_as_a_hot_reading() -> None:
    first = fire_of(flags((None, False), (None, True)))
    assert first is not None
    assert (first.confirmed, first.flagged, first.hottest_c, first.keys) == (False, True, None, ("1",))
    second = fire_of(flags((None, False), (None, True), (None, True)))
    assert second is not None
    assert second.confirmed
    assert fire_of(flags((None, True), (None, False))) is None
    assert fire_of(flags((None, True), (None, True), (None, False), (None, False))) is None
    warm = fire_of(flags((21, False), (140, True), (60, True)))
    assert warm is not None
    assert (warm.confirmed, warm.hottest_c) == (True, 140)


def test_a_device_whose_own_thermometer_is_cool_raises_a_suspicion_and_never_more() -> None:
    smoke = fire_of(flags((20, False), *((20 + hour, True) for hour in range(9))))
    assert smoke is not None
    assert (smoke.confirmed, smoke.hottest_c) == (False, 28)


def test_a_reading_without_a_word_on_fire_neither_makes_nor_ends_one() -> None:
    assert fire_of(flags((None, None), (85.0, None))) is None
    assert fire_of(flags((None, True), (None, None), (None, None))) is not None
