"""A city of two districts and five streets, complete and in order; tests break one thing in it."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np

from city.network import RoadClass, RoadNetwork
from city.registry import (
    Bin,
    City,
    Closure,
    ClosureKind,
    CollectionPoint,
    Crew,
    District,
    Facility,
    FacilityKind,
    PointKind,
    Shift,
    StreamRule,
    Truck,
)
from city.store import CityData
from city.streams import Stream

# A ring of four streets round a block of about 95 m by 111 m in Shanghai, and a dead end that leaves it.
LON = np.array([121.470, 121.471, 121.471, 121.470, 121.472])
LAT = np.array([31.230, 31.230, 31.231, 31.231, 31.231])
ENDS = ((0, 1), (1, 2), (2, 3), (3, 0), (2, 4))
NAMES = ("", "人民路", "Ring Street")


def small_network() -> RoadNetwork:
    """Make the streets, in an order that is not the one of their ids."""
    from_node, to_node = np.array(ENDS, np.int32).T
    count = len(ENDS)
    return RoadNetwork(
        node_id=np.array([50, 10, 40, 20, 30], np.int64),
        lon=LON,
        lat=LAT,
        segment_id=np.array([7, 3, 5, 1, 9], np.int64),
        way_id=np.array([100, 100, 200, 200, 300], np.int64),
        from_node=from_node,
        to_node=to_node,
        length_m=np.array([95.3, 111.2, 95.3, 111.2, 140.5], np.float32),
        road_class=np.full(count, RoadClass.RESIDENTIAL, np.uint8),
        speed_kmh=np.array([np.nan, 30, 30, np.nan, 20], np.float32),
        forward=np.ones(count, bool),
        backward=np.array([True, True, False, True, True]),
        truck=np.ones(count, bool),
        max_width_cm=np.array([0, 0, 0, 250, 0], np.int32),
        max_height_cm=np.array([0, 350, 0, 0, 0], np.int32),
        max_weight_kg=np.array([0, 0, 0, 0, 18_000], np.int32),
        name=np.array([2, 2, 1, 1, 0], np.int32),
        names=NAMES,
        shape_start=np.array([0, 0, 0, 1, 1, 3], np.int64),
        shape_lon=np.array([121.4705, 121.4713, 121.4716]),
        shape_lat=np.array([31.2312, 31.2311, 31.2309]),
        forbidden_turns=np.array([[0, 1, 1], [2, 3, 3]], np.int64),
    )


def no_streets() -> RoadNetwork:
    """Make a network of nothing."""
    arrays = {field.name: getattr(small_network(), field.name)[:0] for field in fields(RoadNetwork)}
    return replace(small_network(), **arrays | {"names": ("",), "shape_start": np.zeros(1, np.int64)})


def small_city() -> CityData:
    """Make the whole city."""
    return CityData(
        city=City(name="黄浦样区", timezone="Asia/Shanghai", source="a test"),
        network=small_network(),
        districts=[District(id="north", name="North", name_zh="北区"), District(id="south", name="South")],
        stream_rules=[
            StreamRule(stream=Stream.DRY, density_kg_per_l=0.15, max_interval_h=72.0),
            StreamRule(stream=Stream.WET, density_kg_per_l=0.6, max_interval_h=24.0),
        ],
        points=[
            CollectionPoint(
                id="p1", district_id="north", kind=PointKind.BIN_ROOM, name="里弄一号", lon=121.4702, lat=31.23102
            ),
            CollectionPoint(
                id="p2",
                district_id="south",
                kind=PointKind.STREET,
                name="Corner",
                lon=121.47098,
                lat=31.2304,
                hours="06:30-09:00,17:30-20:00",
                max_width_cm=260,
            ),
        ],
        bins=[
            Bin(id="b1", point_id="p1", stream=Stream.DRY, usable_volume_l=240, depth_cm=95),
            Bin(id="b2", point_id="p1", stream=Stream.WET, usable_volume_l=120, depth_cm=80),
            Bin(id="b3", point_id="p2", stream=Stream.DRY, usable_volume_l=60, depth_cm=70),
        ],
        facilities=[
            Facility(id="depot", kind=FacilityKind.DEPOT, name="Depot", lon=121.4707, lat=31.23, district_id="north"),
            Facility(
                id="plant",
                kind=FacilityKind.PLANT,
                name="Plant",
                lon=121.4705,
                lat=31.231,
                streams="dry,wet",
                hours="00:00-24:00",
            ),
        ],
        trucks=[
            Truck(
                id=f"t-{district}",
                plate=f"沪A-{number}",
                district_id=district,
                depot_id="depot",
                streams="dry,wet",
                capacity_kg=8000,
                capacity_l=14000,
                compaction=3.0,
            )
            for number, district in enumerate(("north", "south"))
        ],
        shifts=[Shift(id="morning", name="Morning", name_zh="早班", hours="05:30-13:30")],
        crews=[
            Crew(id=f"c-{district}", name="", district_id=district, shift_id="morning", truck_id=f"t-{district}")
            for district in ("north", "south")
        ],
        closures=[
            Closure(
                kind=ClosureKind.ROAD,
                subject_id="300",
                starts_at=datetime(2026, 3, 2, 22, tzinfo=UTC),
                ends_at=datetime(2026, 3, 3, 4, tzinfo=UTC),
                reason="night works",
            )
        ],
    )
