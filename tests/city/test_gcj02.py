"""GCJ-02: the known shift inside China, none outside, and the way back exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.gcj02 import EAST, NORTH, SOUTH, WEST, in_china, to_gcj02, to_wgs84

# Known pairs from the tests of github.com/googollee/eviltransform: Shanghai, Shenzhen, Beijing.
KNOWN = [
    (121.5272106, 31.1774276, 121.531541859215, 31.17530398364597),
    (113.912316, 22.543847, 113.9171764808363, 22.540796131694766),
    (116.377817, 39.911954, 116.38404722455657, 39.91334545536069),
]

inside = st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))
anywhere = st.tuples(st.floats(-180, 180), st.floats(-90, 90))

# The shift never exceeds this, so farther from the box nothing is moved into it.
LARGEST_SHIFT_DEG = 0.02


@pytest.mark.parametrize(("lon", "lat", "shifted_lon", "shifted_lat"), KNOWN)
def test_known_places_are_shifted_as_everybody_shifts_them(
    lon: float, lat: float, shifted_lon: float, shifted_lat: float
) -> None:
    assert to_gcj02(lon, lat) == pytest.approx((shifted_lon, shifted_lat), abs=1e-6)
    assert to_wgs84(shifted_lon, shifted_lat) == pytest.approx((lon, lat), abs=1e-6)


@given(inside)
def test_the_way_back_is_exact_everywhere_in_china(place: tuple[float, float]) -> None:
    assert to_wgs84(*to_gcj02(*place)) == pytest.approx(place, abs=1e-9)


@given(anywhere.filter(lambda place: not in_china(*place)))
def test_outside_china_nothing_is_shifted(place: tuple[float, float]) -> None:
    assert to_gcj02(*place) == place


@given(anywhere)
def test_the_way_back_leaves_places_well_outside_china_alone(place: tuple[float, float]) -> None:
    lon, lat = place
    near = (
        in_china(np.clip(lon, WEST, EAST), np.clip(lat, SOUTH, NORTH))
        & (abs(lon - np.clip(lon, WEST, EAST)) < LARGEST_SHIFT_DEG)
        & (abs(lat - np.clip(lat, SOUTH, NORTH)) < LARGEST_SHIFT_DEG)
    )
    if not near:
        assert to_wgs84(lon, lat) == place


@given(st.lists(inside, max_size=5))
def test_many_places_are_shifted_as_each_alone(places: list[tuple[float, float]]) -> None:
    lon, lat = np.array(places).reshape(-1, 2).T
    together = to_gcj02(lon, lat)
    assert list(zip(*together, strict=True)) == [to_gcj02(*place) for place in places]
