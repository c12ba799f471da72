"""What the trucks of the simulated city can carry."""

from dataclasses import dataclass

from sqlmodel import Session, select

from city.registry import StreamRule, Truck
from city.streams import Stream
from scenarios.bins import FALLBACK_DENSITY_KG_PER_L

# A crew presses a little more into a full truck than its papers say; then it is full.
OVERLOAD = 1.1


@dataclass(frozen=True)
class Payloads:
    """The most a truck carries of a stream, by weight or by volume, whichever is reached first."""

    trucks: dict[str, Truck]
    densities: dict[Stream, float]

    def limit_kg(self, truck_id: str, stream: Stream) -> float:
        """Return the limit in kilograms."""
        truck = self.trucks[truck_id]
        by_volume = truck.capacity_l * truck.compaction * self.densities.get(stream, FALLBACK_DENSITY_KG_PER_L)
        return OVERLOAD * min(truck.capacity_kg, by_volume)


def load_payloads(session: Session) -> Payloads:
    """Read the trucks from the registry."""
    return Payloads(
        trucks={truck.id: truck for truck in session.exec(select(Truck))},
        densities={rule.stream: rule.density_kg_per_l for rule in session.exec(select(StreamRule))},
    )
