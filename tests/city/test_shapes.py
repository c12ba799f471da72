"""Shapes of bins: what share of the volume lies below a share of the depth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.shapes import SHAPES, canonical_shape, profile_of, volume_share


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_filled_holds_nothing_and_all_of_it_all(shape: str) -> None:
    profile = profile_of(shape)
    assert volume_share(profile, 0.0) == 0.0
    assert volume_share(profile, 1.0) == pytest.approx(1.0)
    assert volume_share(profile, 1.1) > 1.0


def test_a_bin_that_widens_holds_less_below_and_a_bell_more() -> None:
    half = {shape: volume_share(profile_of(shape), 0.5) for shape in SHAPES}
    assert half["box"] == half["cylinder"] == 0.5
    assert 0.42 < half["tapered"] < 0.46
    assert 0.58 < half["igloo"] < 0.66
    assert 0.44 < half["underground"] < 0.5


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", "box"),
        (" Igloo ", "igloo"),
        ("圆桶", "cylinder"),
        ("地埋式", "underground"),
        ("0.5：0.43， .8:0.74", "0.5:0.43,0.8:0.74"),
    ],
)
def test_a_shape_is_kept_one_way_however_it_is_written(written: str, kept: str) -> None:
    assert canonical_shape(written) == kept
    assert canonical_shape(kept) == kept


@pytest.mark.parametrize("wrong", ["pyramid", "0.5", "0.5:0.6,0.4:0.7", "0.5:0.5,0.6:0.5", "1.2:0.9", "0.5:x"])
def test_what_is_no_shape_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"shape|table|float"):
        canonical_shape(wrong)


@given(st.sampled_from([*SHAPES, "0.2:0.3,0.7:0.8"]), st.floats(-0.2, 1.6), st.floats(0, 0.5))
def test_a_fuller_bin_never_seems_emptier(shape: str, depth: float, more: float) -> None:
    profile = profile_of(shape)
    assert volume_share(profile, depth) <= volume_share(profile, depth + more)
