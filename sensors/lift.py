"""One bin lifted into a truck, as the scales and the tag reader of its lifter say."""

from dataclasses import dataclass, field
from datetime import datetime

from sensors.errors import IntakeError
from sensors.position import check_place
from sensors.uplink import within

# No lifter of a collection truck raises more.
HEAVIEST_KG = 10_000.0
# Scales show a little below nothing for an empty bin that swings; more than that is a scale that must be set again.
LIGHTEST_NET_KG = -50.0


@dataclass(frozen=True, slots=True)
class Lift:
    """One lift.

    Parameters
    ----------
    truck
        The truck's id, or the number of its terminal as `city.marks` writes it.
    at
        When the bin was emptied; aware UTC.
    tag
        Number of the bin's RFID tag as `city.marks` writes it; empty if the reader saw none.
    bin_id
        The bin, where the truck knows it without a tag.
    sequence
        The truck's own count of its lifts; tells two lifts of the same second apart that no tag tells apart.
    gross_kg, tare_kg, net_kg
        What the bin weighed before and after it was emptied, and what it held; none where there are no scales.
    lon, lat
        Where, WGS 84; none if the truck does not say.
    index, alone
        As in `sensors.uplink.Uplink`.
    """

    truck: str
    at: datetime
    tag: str = ""
    bin_id: str | None = None
    sequence: int | None = None
    gross_kg: float | None = None
    tare_kg: float | None = None
    net_kg: float | None = None
    lon: float | None = None
    lat: float | None = None
    index: int = field(default=0, compare=False)
    alone: bytes = field(default=b"", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        within("gross_kg", self.gross_kg, 0.0, HEAVIEST_KG)
        within("tare_kg", self.tare_kg, 0.0, HEAVIEST_KG)
        within("net_kg", self.net_kg, LIGHTEST_NET_KG, HEAVIEST_KG)
        check_place(self.lon, self.lat)
        if (self.lon is None) != (self.lat is None):
            raise IntakeError("wrong_shape", "a place needs both lon and lat")

    @property
    def weight_kg(self) -> float | None:
        """What the bin held, never below nothing: said outright, or the difference of the two weighings."""
        net = self.net_kg
        if net is None and self.gross_kg is not None and self.tare_kg is not None:
            net = self.gross_kg - self.tare_kg
        return None if net is None else max(net, 0.0)
