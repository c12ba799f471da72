"""Trucks and crews: as many for each stream as Shanghai has for its points, shared out by what there is to collect."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.generate.names import DistrictName
from city.generate.rules import shifts
from city.generate.shares import apportion
from city.registry import Bin, CollectionPoint, Crew, Facility, FacilityKind, Shift, Truck
from city.streams import Stream

# Shanghai's trucks in 2019, for 61,000 points.
_POINTS = 61_000
_TRUCKS = {Stream.DRY: 3_084, Stream.WET: 1_327, Stream.RECYCLABLE: 192, Stream.HAZARDOUS: 86}
# Share of a stream's trucks that have a crew in the evening too; every truck has one in the morning.
_EVENING = {Stream.DRY: 0.45, Stream.WET: 0.6, Stream.RECYCLABLE: 0.0, Stream.HAZARDOUS: 0.0}


# Morning and evening.
_SHIFTS = shifts()


class Model(NamedTuple):
    """A kind of truck: its share of the stream's fleet, what it holds, its size, and what it costs."""

    share: float
    capacity_kg: int
    capacity_l: int
    compaction: float
    width_cm: int
    height_cm: int
    gross_weight_kg: int
    fixed_cost: float
    cost_per_km: float
    cost_per_h: float
    crew: int


# The first of each stream is the smallest and gets through every limit of `traffic`; every district has one. Dry waste
# is pressed, wet waste only settles, recyclables are thrown in loose.
MODELS: Mapping[Stream, tuple[Model, ...]] = {
    Stream.DRY: (
        Model(0.2, 2_300, 5_000, 3.0, 205, 265, 7_300, 220.0, 2.4, 85.0, 2),
        Model(0.3, 5_000, 9_000, 4.0, 235, 305, 12_000, 280.0, 3.3, 95.0, 2),
        Model(0.5, 8_000, 14_000, 4.5, 250, 320, 18_000, 340.0, 4.2, 110.0, 3),
    ),
    Stream.WET: (
        Model(0.35, 2_600, 4_000, 1.2, 205, 265, 7_300, 220.0, 2.4, 85.0, 2),
        Model(0.65, 7_500, 10_000, 1.2, 250, 310, 18_000, 340.0, 4.2, 105.0, 2),
    ),
    Stream.RECYCLABLE: (
        Model(0.5, 2_500, 12_000, 1.5, 205, 270, 7_300, 210.0, 2.2, 85.0, 2),
        Model(0.5, 5_000, 24_000, 1.5, 245, 330, 12_000, 270.0, 3.0, 95.0, 2),
    ),
    Stream.HAZARDOUS: (Model(1.0, 1_500, 8_000, 1.0, 200, 265, 4_500, 240.0, 1.9, 95.0, 2),),
}


def count_trucks(
    points: Sequence[CollectionPoint], bins: Sequence[Bin], names: Sequence[DistrictName]
) -> dict[Stream, NDArray[np.int64]]:
    """Return how many trucks of each stream every district has: by the volume of its bins, and at least one."""
    district_of = {name.id: row for row, name in enumerate(names)}
    of_point = {point.id: district_of[point.district_id] for point in points}
    volume = {stream: np.zeros(len(names)) for stream in Stream}
    for one in bins:
        volume[one.stream][of_point[one.point_id]] += one.usable_volume_l
    return {
        stream: apportion(round(count * len(points) / _POINTS), volume[stream], at_least=1)
        for stream, count in _TRUCKS.items()
    }


def build_fleet(
    counts: Mapping[Stream, NDArray[np.int64]],
    facilities: Sequence[Facility],
    names: Sequence[DistrictName],
) -> tuple[list[Truck], list[Crew]]:
    """Build trucks and crews, each truck in one of its district's depots in turn."""
    depots: dict[str, list[str]] = defaultdict(list)
    for facility in facilities:
        if facility.kind is FacilityKind.DEPOT and facility.district_id is not None:
            depots[facility.district_id].append(facility.id)
    trucks: list[Truck] = []
    crews: list[Crew] = []
    for row, district in enumerate(names):
        for stream in Stream:
            count = int(counts[stream][row])
            evening = max(1, round(count * _EVENING[stream])) if _EVENING[stream] else 0
            for number, model in enumerate(_models(stream, count), start=1):
                homes = depots[district.id]
                truck = Truck(
                    id=f"{district.id}-{stream.value}-{number:0{len(str(count))}d}",
                    plate=f"澜A{len(trucks) + 10_001:05d}",
                    district_id=district.id,
                    depot_id=homes[len(trucks) % len(homes)],
                    streams=stream.value,
                    capacity_kg=model.capacity_kg,
                    capacity_l=model.capacity_l,
                    compaction=model.compaction,
                    width_cm=model.width_cm,
                    height_cm=model.height_cm,
                    gross_weight_kg=model.gross_weight_kg,
                    fixed_cost=model.fixed_cost,
                    cost_per_km=model.cost_per_km,
                    cost_per_h=model.cost_per_h,
                )
                trucks.append(truck)
                crews += [_crew(truck, district, shift, model.crew) for shift in _SHIFTS[: 1 + (number <= evening)]]
    return trucks, crews


def _models(stream: Stream, count: int) -> list[Model]:
    """Return the models of a district's trucks of one stream, mixed, the smallest first."""
    models = MODELS[stream]
    shares = apportion(count - 1, [model.share for model in models])
    place = [(position + 0.5) / share for share in shares.tolist() for position in range(share)]
    of = [model for model, share in zip(models, shares.tolist(), strict=True) for _position in range(share)]
    return [models[0], *(of[index] for index in np.argsort(place, kind="stable").tolist())]


def _crew(truck: Truck, district: DistrictName, shift: Shift, size: int) -> Crew:
    number = truck.id.removeprefix(f"{district.id}-")
    return Crew(
        id=f"{truck.id}-{shift.id}",
        name=f"{district.name_zh}{shift.name_zh} {district.name} {shift.name.lower()} {number}",
        district_id=district.id,
        shift_id=shift.id,
        truck_id=truck.id,
        size=size,
    )
