"""A whole city as a value, written to the database in one transaction and its roads read back as arrays."""

from dataclasses import dataclass, field

from city.network import RoadNetwork
from city.registry import (
    Bin,
    City,
    Closure,
    CollectionPoint,
    Crew,
    District,
    Facility,
    Shift,
    StreamRule,
    Truck,
)


@dataclass
class CityData:
    """Everything the registry holds, before it is stored."""

    city: City
    network: RoadNetwork
    districts: list[District] = field(default_factory=list)
    stream_rules: list[StreamRule] = field(default_factory=list)
    points: list[CollectionPoint] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)
    facilities: list[Facility] = field(default_factory=list)
    trucks: list[Truck] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    crews: list[Crew] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)
