"""The truck as the road sees it: how large it is, how fast it drives on what, and what a turn costs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from city.network import RoadClass
from routing.errors import RoutingError

# What a truck keeps up where the source names no speed, km/h. City limits (China: 50 km/h with one lane each way,
# 30 km/h without a centre line, Implementing Regulation of the Road Traffic Safety Law, article 45; 80 km/h on urban
# expressways) times the share of a limit that a truck drives, below. Yards and tracks are driven at walking pace.
CLASS_KMH: Mapping[RoadClass, float] = MappingProxyType(
    {
        RoadClass.MOTORWAY: 80.0,
        RoadClass.TRUNK: 58.0,
        RoadClass.PRIMARY: 36.0,
        RoadClass.SECONDARY: 36.0,
        RoadClass.TERTIARY: 30.0,
        RoadClass.UNCLASSIFIED: 25.0,
        RoadClass.RESIDENTIAL: 21.0,
        RoadClass.LIVING_STREET: 10.0,
        RoadClass.SERVICE: 10.0,
        RoadClass.TRACK: 10.0,
    }
)

# A car averages four fifths of the limit (OSRM's default), a truck nine tenths of a car (GraphHopper's truck model).
SHARE_OF_LIMIT = 0.8 * 0.9

# Trucks above 3.5 t may not go faster on any road in most countries (Germany: StVO section 18).
TOP_KMH = 80.0


@dataclass(frozen=True, slots=True)
class TurnCosts:
    """Seconds lost at a junction, on top of the streets themselves.

    OSRM's default curve gives a car 2.1 s for a right angle to the near side and 5.4 s across the oncoming lane; a
    truck brakes lower and accelerates slower, which is put at half as much again until positions of the fleet say
    better. Bends and junctions of two streets cost nothing.

    Attributes
    ----------
    straight_s, near_s, far_s
        Going on, turning to the kerb's side, turning across the oncoming lane.
    give_way_s
        Coming from a street of lower class than another at the junction.
    turn_round_s
        Turning round, which a truck does only where there is no other way on.
    """

    straight_s: float = 1.0
    near_s: float = 3.0
    far_s: float = 8.0
    give_way_s: float = 3.0
    turn_round_s: float = 40.0

    def __post_init__(self) -> None:
        for name in ("straight_s", "near_s", "far_s", "give_way_s", "turn_round_s"):
            if not getattr(self, name) >= 0:
                raise RoutingError(f"turn cost {name} is {getattr(self, name)}; it must be 0 or more seconds")


@dataclass(frozen=True, slots=True)
class TruckProfile:
    """What decides where a truck may drive and how long that takes.

    Attributes
    ----------
    width_cm, height_cm, weight_kg
        Outer size and gross weight, against the limits of the streets.
    class_kmh
        Speed by road class where the source names none.
    share_of_limit
        Speed driven, as a share of a speed that the source names.
    top_kmh
        Never faster than this.
    turns
        What junctions cost.
    left_hand
        Traffic keeps left.
    permit
        It may drive where, or when, a street asks for a permit.

    Raises
    ------
    RoutingError
        If a size is negative or a speed is not positive, naming it.
    """

    width_cm: int = 250
    height_cm: int = 320
    weight_kg: int = 16_000
    class_kmh: Mapping[RoadClass, float] = field(default_factory=lambda: CLASS_KMH)
    share_of_limit: float = SHARE_OF_LIMIT
    top_kmh: float = TOP_KMH
    turns: TurnCosts = field(default_factory=TurnCosts)
    left_hand: bool = False
    permit: bool = True

    def __post_init__(self) -> None:
        for name in ("width_cm", "height_cm", "weight_kg"):
            if getattr(self, name) < 0:
                raise RoutingError(f"truck profile has {name} {getattr(self, name)}; it cannot be negative")
        for name in ("share_of_limit", "top_kmh"):
            if not getattr(self, name) > 0:
                raise RoutingError(f"truck profile has {name} {getattr(self, name)}; it must be positive")
        for road_class in RoadClass:
            if not self.class_kmh.get(road_class, 0.0) > 0:
                raise RoutingError(f"truck profile has no positive speed for road class {road_class.name}")
