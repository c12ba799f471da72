"""Priors: what is assumed of a bin that never told anything."""

import pytest
from sqlalchemy import Engine

from city.database import reading, transaction
from city.registry import Bin, City, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.levels import BinState, peers_of, states_of
from sensors.priors import Lenders, prior_for


def test_a_big_bin_fills_slower_and_every_prior_is_wide() -> None:
    small, big = (prior_for(Stream.DRY, PointKind.STREET, litres) for litres in (120, 1100))
    assert small.rate_per_h > big.rate_per_h > 0
    for prior in (small, big):
        assert prior.rate_sigma == pytest.approx(0.6 * prior.rate_per_h)
        assert prior.volatility > 0


def test_like_bins_of_the_district_outweigh_other_cities_as_they_get_more() -> None:
    def rate(count: int) -> float:
        lenders = Lenders(count, 0.1 * count, 0.01 * count, 0.001 * count)
        return prior_for(Stream.WET, PointKind.BIN_ROOM, 240, {(Stream.WET, PointKind.BIN_ROOM): lenders}).rate_per_h

    assert rate(0) < rate(3) < rate(100) < 0.1
    assert rate(100) == pytest.approx(0.1, rel=0.05)


def test_a_bin_without_a_sensor_borrows_from_its_district(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(City(name="C", timezone="Asia/Shanghai"))
        session.add(District(id="d", name="D"))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.BIN_ROOM, name="P", lon=0, lat=0))
        session.flush()
        for number in range(21):
            session.add(Bin(id=f"b{number:02}", point_id="p", stream=Stream.WET, usable_volume_l=240, depth_cm=90))
        session.flush()
        for number in range(20):
            session.add(BinState(bin_id=f"b{number:02}", rate_per_h=0.08, volatility=0.05, learned_h=200))
    with reading(engine) as session:
        lenders = peers_of(session, "d")[Stream.WET, PointKind.BIN_ROOM]
        states = states_of(session, district_id="d")
    assert lenders.count == 20
    assert lenders.rate == pytest.approx(1.6)
    assert len(states) == 21
    silent = states["b20"]
    assert silent.as_of is None
    assert silent.rate_per_h == pytest.approx(0.08, rel=0.2)
