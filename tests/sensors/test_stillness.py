"""Stuck and frozen sensors are told from bins into which nothing is thrown."""

from datetime import UTC, datetime, timedelta

import pytest

from sensors.stillness import Said, stills
from sensors.telemetry import Verdict

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
RATE_PER_H = 0.01


def _said(
    hours: int, *, distance_cm: float = 90.0, temperature_c: float | None = 8.0, level: float = 0.4
) -> list[Said]:
    return [Said(BEGIN + hour * HOUR, distance_cm, level, temperature_c) for hour in range(hours)]


def _reasons(said: list[Said], *visits_h: float, rate_per_h: float = RATE_PER_H) -> list[tuple[Verdict, str]]:
    visits = [BEGIN + hours * HOUR for hours in visits_h]
    return [(one.verdict, one.reason) for one in stills(said, visits, rate_alike_per_h=rate_per_h)]


def test_a_night_and_a_weekend_without_waste_are_no_fault() -> None:
    assert _reasons(_said(50)) == []


def test_the_same_value_while_like_bins_filled_is_stuck() -> None:
    (still,) = stills(_said(100), [], rate_alike_per_h=RATE_PER_H)
    assert (still.first, still.last) == (0, 99)
    assert (still.verdict, still.reason) == (Verdict.STUCK, "stuck_alike")
    assert still.numbers == {"distance_cm": 90.0, "hours": 99.0, "gained": pytest.approx(0.99)}


def test_where_like_bins_stand_still_too_nothing_is_stuck() -> None:
    assert _reasons(_said(100), rate_per_h=0.001) == []


def test_the_same_value_after_it_was_emptied_twice_is_stuck_after_once_it_may_have_been_skipped() -> None:
    assert _reasons(_said(50), 20, rate_per_h=0.001) == []
    assert _reasons(_said(50), 20, 40, rate_per_h=0.001) == [(Verdict.STUCK, "stuck_emptied")]
    assert _reasons(_said(80), 20, rate_per_h=0.001) == [(Verdict.STUCK, "stuck_emptied")]


def test_an_empty_bin_that_is_emptied_again_moves_nothing() -> None:
    assert _reasons(_said(50, level=0.05), 20, 40, rate_per_h=0.001) == []


def test_in_frost_it_is_frozen_sooner_and_not_after_a_thaw() -> None:
    assert _reasons(_said(30, temperature_c=-6.0)) == [(Verdict.FROZEN, "frozen")]
    thawed = [*_said(30, temperature_c=-6.0)[:15], *_said(30)[15:]]
    assert _reasons(thawed) == []


def test_a_value_that_moves_ends_the_run() -> None:
    said = [Said(BEGIN + hour * HOUR, 90.0 - (hour >= 60) * 2.0, 0.4, 8.0) for hour in range(120)]
    assert _reasons(said) == []
