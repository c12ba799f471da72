"""A town of thirty junctions, made by hand: a grid of streets, a depot, a transfer station, eight points a district."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
from sqlalchemy import Engine
from sqlmodel import col, select

from agents.needs import Need
from city.database import reading, transaction
from city.network import RoadClass, RoadNetwork
from city.registry import (
    Bin,
    City,
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
from sensors.levels import BinState, LevelSource

COLUMNS, ROWS = 6, 5
BLOCK = 0.002
WEST, SOUTH = 121.470, 31.230

SERVICE_DATE = date(2026, 3, 3)
# 04:00 in Shanghai, when the morning shift (06:00 to 14:00) is planned; the evening shift runs from 14:00 to 22:00.
PLANNING = datetime(2026, 3, 2, 20, tzinfo=UTC)
MORNING_STARTS = PLANNING + timedelta(hours=2)
EVENING_STARTS = PLANNING + timedelta(hours=10)

POINTS = 8


def network() -> RoadNetwork:
    """Make the streets: two-way, 200 m and more between junctions."""
    column, row = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    lon, lat = WEST + BLOCK * column.ravel(), SOUTH + BLOCK * row.ravel()
    node = np.arange(COLUMNS * ROWS).reshape(ROWS, COLUMNS)
    ends = np.concatenate(
        [
            np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], axis=1),
            np.stack([node[:-1].ravel(), node[1:].ravel()], axis=1),
        ]
    ).astype(np.int32)
    count = len(ends)
    east_m = np.abs(lon[ends[:, 0]] - lon[ends[:, 1]]) * 95_000
    north_m = np.abs(lat[ends[:, 0]] - lat[ends[:, 1]]) * 111_000
    return RoadNetwork(
        node_id=np.arange(1, len(lon) + 1, dtype=np.int64),
        lon=lon,
        lat=lat,
        segment_id=np.arange(1, count + 1, dtype=np.int64),
        way_id=np.arange(1, count + 1, dtype=np.int64),
        from_node=ends[:, 0],
        to_node=ends[:, 1],
        length_m=(east_m + north_m).astype(np.float32),
        road_class=np.full(count, RoadClass.RESIDENTIAL, np.uint8),
        speed_kmh=np.full(count, 30, np.float32),
        forward=np.ones(count, np.bool_),
        backward=np.ones(count, np.bool_),
        truck=np.ones(count, np.bool_),
        max_width_cm=np.zeros(count, np.int32),
        max_height_cm=np.zeros(count, np.int32),
        max_weight_kg=np.zeros(count, np.int32),
        name=np.zeros(count, np.int32),
        names=("",),
        shape_start=np.zeros(count + 1, np.int64),
        shape_lon=np.zeros(0),
        shape_lat=np.zeros(0),
        forbidden_turns=np.zeros((0, 3), np.int64),
    )


def town(districts: Iterable[str] = ("garden",)) -> CityData:
    """Make the town. Every district has the same points, trucks and crews on the same streets, under its own names."""
    data = CityData(
        city=City(name="Grid", timezone="Asia/Shanghai", source="a test"),
        network=network(),
        stream_rules=[
            StreamRule(stream=Stream.DRY, density_kg_per_l=0.15, max_interval_h=None),
            StreamRule(stream=Stream.WET, density_kg_per_l=0.6, max_interval_h=24.0),
            StreamRule(stream=Stream.HAZARDOUS, density_kg_per_l=0.2, max_interval_h=720.0),
        ],
        facilities=[
            Facility(id="depot", kind=FacilityKind.DEPOT, name="Depot", lon=WEST, lat=SOUTH),
            Facility(
                id="transfer", kind=FacilityKind.TRANSFER_STATION, name="Transfer", streams="dry,wet",
                lon=WEST + BLOCK * (COLUMNS - 1), lat=SOUTH + BLOCK * (ROWS - 1), unloading_s=600,
            ),
        ],
        shifts=[
            Shift(id="morning", name="Morning", hours="06:00-14:00"),
            Shift(id="evening", name="Evening", hours="14:00-22:00"),
        ],
    )  # fmt: skip
    for district in districts:
        _settle(data, district)
    return data


def _settle(data: CityData, name: str) -> None:
    data.districts.append(District(id=name, name=name.title()))
    for number in range(POINTS):
        point_id = f"{name}-{number}"
        data.points.append(
            CollectionPoint(
                id=point_id, district_id=name, kind=PointKind.BIN_ROOM if number == 0 else PointKind.STREET,
                name=f"Point {number}", lon=WEST + BLOCK * (0.5 + number % 4), lat=SOUTH + BLOCK * (1 + number // 4),
                attended=number == 0,
            )
        )  # fmt: skip
        data.bins += [
            Bin(id=f"{point_id}-{stream}", point_id=point_id, stream=stream, usable_volume_l=660, depth_cm=110)
            for stream in (Stream.DRY, Stream.WET)
        ]
    for number, streams in ((1, "dry,wet"), (2, "dry")):
        truck_id = f"{name}-truck-{number}"
        data.trucks.append(
            Truck(
                id=truck_id, plate=f"A-{number}", district_id=name, depot_id="depot", streams=streams,
                capacity_kg=5000, capacity_l=12_000, compaction=2.0,
            )
        )  # fmt: skip
        for shift in ("morning", "evening"):
            data.crews.append(
                Crew(
                    id=f"{truck_id}-{shift}", name=f"Crew {number} {shift}", district_id=name, shift_id=shift,
                    truck_id=truck_id,
                )
            )  # fmt: skip


def know(
    engine: Engine,
    level: float,
    *bin_ids: str,
    at: datetime = PLANNING,
    rate_per_h: float = 0.01,
    emptied_at: datetime | None = None,
) -> None:
    """Let the level of bins be known, by default those of a quiet day on which nothing overflows."""
    with transaction(engine) as session:
        for bin_id in bin_ids:
            session.merge(
                BinState(
                    bin_id=bin_id,
                    fill_level=level,
                    sigma=0.03,
                    as_of=at,
                    rate_per_h=rate_per_h,
                    rate_sigma=0.002,
                    volatility=0.02,
                    emptied_at=emptied_at or at - timedelta(hours=12),
                    heard_at=at,
                    source=LevelSource.SENSOR,
                )
            )


def open_needs(engine: Engine, district: str = "garden") -> list[Need]:
    """Return the open needs of a district."""
    with reading(engine) as session:
        return list(session.exec(select(Need).where(Need.district_id == district, col(Need.open_key).is_not(None))))


def bins_of(district: str = "garden", *streams: Stream) -> list[str]:
    """Return the ids of a district's bins."""
    return [
        f"{district}-{number}-{stream}" for number in range(POINTS) for stream in streams or (Stream.DRY, Stream.WET)
    ]
