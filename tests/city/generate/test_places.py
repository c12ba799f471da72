"""Collection points, facilities, districts and fleet stand where they would in a city and fit together."""

from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from city.generate.districts import divide
from city.generate.fleet import MODELS, count_trucks
from city.generate.names import DistrictName, name_districts
from city.generate.places import PointSites, site_points
from city.generate.streets import Streets
from city.hours import parse_hours
from city.registry import FacilityKind, PointKind
from city.store import CityData
from city.streams import Stream, parse_streams


@pytest.fixture(scope="module")
def sites(streets: Streets) -> PointSites:
    """600 sites in the streets."""
    return site_points(streets, 600, np.random.default_rng(1))


def test_points_stand_a_few_metres_beside_their_street_and_never_in_the_river(
    streets: Streets, sites: PointSites
) -> None:
    place = sites.sites.place
    spots = shapely.points(place.real, place.imag)
    assert not shapely.intersects(spots, streets.layout.water).any()
    along = streets.layout.place
    lines = [
        shapely.LineString(np.column_stack([along[path].real, along[path].imag]))
        for path in (streets.layout.path[segment] for segment in sites.sites.segment)
    ]
    away = shapely.distance(spots, np.array(lines))
    assert 3.0 < away.min() < away.max() < 25.0


def test_points_spread_out_and_crowd_in_the_middle(streets: Streets, sites: PointSites) -> None:
    place = sites.sites.place
    near = np.abs(place) < streets.land.radius_m / 3
    assert near.mean() > 2 * (1 / 9)
    apart = np.abs(place[:, None] - place) + np.diag(np.full(len(place), np.inf))
    assert np.median(apart.min(axis=1)) > 15


def test_districts_are_contiguous_parts_of_the_street_network_of_similar_size(
    streets: Streets, sites: PointSites
) -> None:
    districts = divide(streets.layout, sites.sites, 5, np.random.default_rng(1))
    ends = streets.layout.ends
    inside = districts.of_place[ends[:, 0]] == districts.of_place[ends[:, 1]]
    size = len(streets.layout.place)
    links = coo_matrix((np.ones(inside.sum()), ends[inside].T), shape=(size, size))
    part = connected_components(links, directed=False)[1]
    for district in range(5):
        assert len(np.unique(part[districts.of_place == district])) == 1
    points = np.bincount(districts.of_segment[sites.sites.segment], minlength=5)
    assert points.max() < 3 * points.min()


def test_a_third_of_the_points_are_staffed_stations_and_the_rest_litter_bins(town: CityData) -> None:
    kinds = Counter(point.kind for point in town.points)
    assert kinds[PointKind.STREET] == pytest.approx(600 * 40 / 61, abs=1)
    assert kinds[PointKind.BIN_ROOM] > kinds[PointKind.ISLE] > 30
    rooms = [point for point in town.points if point.kind is PointKind.BIN_ROOM]
    twice = [point for point in rooms if len(parse_hours(point.hours)) == 2]
    assert 0.4 < len(twice) / len(rooms) < 0.8
    assert all(point.attended for point in twice)


def test_stations_take_dry_wet_and_recyclable_and_litter_bins_no_wet(town: CityData) -> None:
    streams: dict[str, set[Stream]] = defaultdict(set)
    for one in town.bins:
        streams[one.point_id].add(one.stream)
        assert one.usable_volume_l in (60, 100, 120, 240, 660, 1100)
    for point in town.points:
        if point.kind is PointKind.STREET:
            assert Stream.DRY in streams[point.id] <= {Stream.DRY, Stream.RECYCLABLE}
        else:
            assert {Stream.DRY, Stream.WET, Stream.RECYCLABLE} <= streams[point.id]


def test_facilities_accept_every_stream_and_plants_lie_outside(town: CityData) -> None:
    accepted = {stream for facility in town.facilities for stream in parse_streams(facility.streams)}
    assert accepted == set(Stream)
    for kind in (FacilityKind.DEPOT, FacilityKind.TRANSFER_STATION):
        there = {facility.district_id for facility in town.facilities if facility.kind is kind}
        assert there >= {district.id for district in town.districts}
    middle = np.array([np.mean([point.lon for point in town.points]), np.mean([point.lat for point in town.points])])

    def out(rows: list[Any]) -> float:
        return float(np.mean([np.hypot(row.lon - middle[0], row.lat - middle[1]) for row in rows]))

    plants = [facility for facility in town.facilities if facility.kind is FacilityKind.PLANT]
    assert out(plants) > 1.5 * out(list(town.points))


def test_trucks_sleep_in_their_district_and_the_first_of_each_stream_gets_everywhere(town: CityData) -> None:
    depots = {f.id: f.district_id for f in town.facilities if f.kind is FacilityKind.DEPOT}
    assert all(depots[truck.depot_id] == truck.district_id for truck in town.trucks)
    for stream, (smallest, *_larger) in MODELS.items():
        for district in town.districts:
            mine = [t for t in town.trucks if (t.district_id, t.streams) == (district.id, stream)]
            assert mine[0].width_cm == smallest.width_cm
    narrowest = min(point.max_width_cm for point in town.points if point.max_width_cm)
    assert max(models[0].width_cm for models in MODELS.values()) < narrowest


def test_a_city_of_shanghais_size_has_shanghais_trucks() -> None:
    names = name_districts(16, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    points: Any = [SimpleNamespace(id=n, district_id=names[int(16 * rng.random() ** 2)].id) for n in range(61_000)]
    bins: Any = [
        SimpleNamespace(point_id=point.id, stream=stream, usable_volume_l=240)
        for point in points[::20]
        for stream in Stream
    ]
    counts = count_trucks(points, bins, names)
    total = {stream: int(count.sum()) for stream, count in counts.items()}
    assert total == {Stream.DRY: 3_084, Stream.WET: 1_327, Stream.RECYCLABLE: 192, Stream.HAZARDOUS: 86}
    assert all(count.min() >= 1 for count in counts.values())


def test_a_hundred_districts_have_a_hundred_names() -> None:
    names: list[DistrictName] = name_districts(100, np.random.default_rng(1))
    assert len({name.id for name in names}) == len({name.name_zh for name in names}) == 100
    assert all(name.id.isascii() and name.id.isalpha() and name.id.islower() for name in names)
