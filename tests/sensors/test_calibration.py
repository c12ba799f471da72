"""Calibration: learnt from empties, within bounds, and never such that a full bin seems empty."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from city.shapes import SHAPES, profile_of
from sensors.calibration import Calibration, Empty, calibrate, empties, most_off_cm
from sensors.cleaning import Sight, weigh
from sensors.emptyings import Emptying, Source
from sensors.telemetry import Verdict
from sensors.uplink import Measured

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEIGHT_CM, DEPTH_CM = 150.0, 130.0


def _made(*distances_cm: float, used_cm: float | None = None) -> Calibration:
    seen = [Empty(BEGIN + day * 24 * HOUR, distance_cm) for day, distance_cm in enumerate(distances_cm)]
    return calibrate(seen, mounting_height_cm=HEIGHT_CM, depth_cm=DEPTH_CM, used_cm=used_cm)


def test_the_farthest_distance_that_came_again_is_what_an_empty_bin_reads() -> None:
    assert _made(142, 120, 143, 143, 131, 110).empty_cm == pytest.approx(143)


def test_one_reading_from_beyond_teaches_nothing() -> None:
    assert _made(142, 160, 143, 130).empty_cm == pytest.approx(142.5)


def test_two_empties_are_not_enough_and_noise_changes_nothing() -> None:
    assert _made(143, 143) == Calibration(None)
    assert _made(149, 149, 149) == Calibration(None)
    assert _made(143, 144, 143, used_cm=142.0) == Calibration(142.0)


def test_what_is_too_far_from_what_was_registered_is_drift_and_not_a_correction() -> None:
    assert _made(108, 108, 107, 108, 109) == Calibration(None, drifted=True)


def test_what_crews_leave_behind_is_no_drift() -> None:
    assert _made(108, 90, 107, 81, 99, 70) == Calibration(None)


@given(st.lists(st.floats(20, 200), max_size=20), st.none() | st.floats(120, 170))
def test_a_calibration_is_always_within_its_bounds(distances_cm: list[float], used_cm: float | None) -> None:
    made = _made(*distances_cm, used_cm=used_cm)
    if made.empty_cm is not None and made.empty_cm != used_cm:
        assert abs(made.empty_cm - HEIGHT_CM) <= most_off_cm(DEPTH_CM) + 0.1
        assert min(distances_cm) - 0.1 <= made.empty_cm <= max(distances_cm) + 0.1


@given(
    st.floats(-30, 30),
    st.floats(60, 300),
    st.floats(2, 60),
    st.floats(0, 1.3),
    st.sampled_from(sorted(SHAPES)),
    st.floats(0, 30),
)
def test_no_calibration_makes_a_full_bin_seem_less_than_full(
    off_cm: float, depth_cm: float, headroom_cm: float, filled: float, shape: str, dead_zone_cm: float
) -> None:
    assume(abs(off_cm) <= most_off_cm(depth_cm))
    height_cm = depth_cm + headroom_cm
    plain = Sight(height_cm, depth_cm, profile_of(shape), dead_zone_cm=min(dead_zone_cm, headroom_cm))
    learnt = Sight(height_cm, depth_cm, plain.profile, height_cm + off_cm, plain.dead_zone_cm)
    distance_cm = height_cm - filled * depth_cm
    before, after = plain.level(distance_cm), learnt.level(distance_cm)
    assert before is not None
    assert after is not None
    if filled >= 1:
        assert after >= 1 - 1e-9
    # Nor does it empty one that is half full.
    assert after >= before - 0.55
    assert learnt.level(height_cm + off_cm) == pytest.approx(0, abs=1e-9)


def test_nearer_than_the_dead_zone_means_at_least_that_full() -> None:
    sight = Sight(HEIGHT_CM, DEPTH_CM, dead_zone_cm=28.0)
    assert sight.level(3.0) == sight.level(28.0) == pytest.approx((150 - 28) / 130)


def test_a_drifted_sensor_keeps_its_raw_value_and_says_why_it_is_not_believed() -> None:
    worth = weigh(Measured(distance_cm=60.0), Sight(HEIGHT_CM, DEPTH_CM, drifted=True))
    assert (worth.verdict, worth.reason) == (Verdict.DRIFT, "drift")


def test_only_stable_readings_after_sure_emptyings_that_left_little_teach() -> None:
    def emptied(hour: int, confidence: float, after: float) -> Emptying:
        at = BEGIN + hour * HOUR
        return Emptying(at, at, at, confidence, (Source.LEVEL,), before=0.8, after=after)

    readings = [(BEGIN + hour * HOUR, 143.0 if hour < 40 else 143.0 - 9 * (hour % 2)) for hour in range(80)]
    found = empties(
        [emptied(10, 0.97, 0.02), emptied(20, 0.6, 0.02), emptied(30, 0.97, 0.5), emptied(50, 0.97, 0.02)],
        readings,
        [False] * 80,
    )
    assert found == [Empty(BEGIN + 10 * HOUR, 143.0)]
