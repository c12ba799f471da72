"""Where a truck was, as its terminal says."""

from dataclasses import dataclass, field
from datetime import datetime

from sensors.errors import IntakeError
from sensors.uplink import within

# Faster than any truck is driven; a receiver that lost its satellites says such things.
FASTEST_KMH = 200.0
WHOLE_TURN_DEG = 360.0


@dataclass(frozen=True, slots=True)
class Position:
    """One position of one truck.

    Parameters
    ----------
    truck
        The truck's id, or the number of its terminal as `city.marks` writes it.
    at
        When it was there; aware UTC.
    lon, lat
        WGS 84.
    fixed
        Whether satellites were in sight. Without them a terminal repeats where it was, or says 0, 0.
    speed_kmh, heading_deg
        Heading clockwise from north.
    index, alone
        As in `sensors.uplink.Uplink`.
    """

    truck: str
    at: datetime
    lon: float
    lat: float
    fixed: bool = True
    speed_kmh: float | None = None
    heading_deg: float | None = None
    index: int = field(default=0, compare=False)
    alone: bytes = field(default=b"", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_place(self.lon, self.lat)
        within("speed_kmh", self.speed_kmh, 0.0, FASTEST_KMH)
        within("heading_deg", self.heading_deg, 0.0, WHOLE_TURN_DEG)
        if self.fixed and self.lon == self.lat == 0.0:
            raise IntakeError("impossible_value", "the position is 0, 0, in the sea; that is a receiver without a fix")


def check_place(lon: float | None, lat: float | None) -> None:
    """Refuse coordinates that are nowhere on the globe.

    Raises
    ------
    IntakeError
        ``impossible_value``, naming the value and its bounds.
    """
    within("lon", lon, -180.0, 180.0)
    within("lat", lat, -90.0, 90.0)
