"""Why a place is too far from the streets of a truck: which street would be near, and why that one is left out."""

from dataclasses import dataclass

from routing.cut import Cut, CutReason
from routing.snapping import SNAP_LIMIT_M, Snaps, StreetIndex


@dataclass(frozen=True, slots=True)
class Far:
    """A place that no street of the truck comes near.

    Attributes
    ----------
    place
        Its row in the snaps.
    street_m
        How far the nearest street is that the truck can use.
    cut_m, reason, street
        The nearest street left out of the graph, if one is near enough: how far it is, why it is left out, its name.
    """

    place: int
    street_m: float
    cut_m: float | None = None
    reason: CutReason | None = None
    street: str = ""


def why_far(cut: Cut, snaps: Snaps, limit_m: float = SNAP_LIMIT_M) -> list[Far]:
    """Return each place that is farther than `limit_m` from the street it was put on, with the reason."""
    places = snaps.far(limit_m)
    if not len(places):
        return []
    # A street left out in one direction only is there, and was not near.
    rows = cut.rows[cut.reasons != CutReason.ONE_DIRECTION_NOT_CONNECTED]
    if not len(rows):
        return [Far(place, float(snaps.distance_m[place])) for place in places.tolist()]
    near = StreetIndex(cut.network, rows).snap(snaps.lon[places], snaps.lat[places], snaps.kerb)
    reason_of = dict(zip(cut.rows.tolist(), cut.reasons.tolist(), strict=True))
    found = []
    for row, place in enumerate(places.tolist()):
        street_m, cut_m = float(snaps.distance_m[place]), float(near.distance_m[row])
        if cut_m > limit_m:
            found.append(Far(place, street_m))
            continue
        segment = int(near.segment[row])
        street = cut.network.names[cut.network.name[segment]]
        found.append(Far(place, street_m, cut_m, CutReason(reason_of[segment]), street))
    return found
