"""Whether places lie beside streets that a truck can reach and come back from."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from city.check.finding import Finding
from city.check.in_use import InUse
from city.lines import OFF_STREET_M
from city.placement import Streets
from city.registry import CollectionPoint, Facility

# Up to here a street may be missing on the map; farther away the coordinates are wrong.
LOST_M = 1_000.0

# A real extract always loses some yards and the stubs at its edge; more than this, and streets to the rest are missing.
USUAL_LOSS = 0.05

# Places this near to each other are one place.
SAME_DECIMALS = 6


def place_findings(used: InUse) -> Iterator[Finding]:
    """Find places off the streets or on streets that are cut off, and coordinates that look wrong as a whole."""
    streets = Streets(used.data.network)
    if not streets.drivable.any():
        if len(streets.drivable):
            yield Finding("no_drivable_roads", "city", used.data.city.name)
        return
    length_m = used.data.network.length_m
    lost_km = float(length_m[streets.drivable & ~streets.connected].sum()) / 1000
    share = lost_km * 1000 / float(length_m[streets.drivable].sum())
    if share > USUAL_LOSS:
        yield Finding("roads_cut_off", "city", used.data.city.name, {"km": lost_km, "share": share})
    kinds: dict[str, list[CollectionPoint | Facility]] = {
        "points": [*used.points.values()],
        "facilities": [*used.facilities.values()],
    }
    for kind, rows in kinds.items():
        lon, lat = (np.array([getattr(row, axis) for row in rows], np.float64) for axis in ("lon", "lat"))
        gain = streets.gcj02_gain(lon, lat) if kind == "points" else None
        if gain:
            numbers = {"points": len(rows), "as_is_m": gain[0], "taken_back_m": gain[1]}
            yield Finding("looks_like_gcj02", "city", used.data.city.name, numbers)
        placed = streets.place(lon, lat)
        for row, street_m, connected_m, cut_off in zip(
            rows, placed.street_m.tolist(), placed.connected_m.tolist(), placed.cut_off.tolist(), strict=True
        ):
            if street_m > OFF_STREET_M:
                code = "lost" if street_m > LOST_M else "off_street"
                yield Finding(code, kind, row.id, {"distance_m": street_m, "limit_m": OFF_STREET_M})
            elif cut_off:
                code = "cut_off" if connected_m > OFF_STREET_M else "cut_off_nearby"
                yield Finding(code, kind, row.id, {"distance_m": connected_m})
    yield from _same_places(used)


def _same_places(used: InUse) -> Iterator[Finding]:
    at: dict[tuple[float, float], list[str]] = defaultdict(list)
    for point in used.points.values():
        at[round(point.lon, SAME_DECIMALS), round(point.lat, SAME_DECIMALS)].append(point.id)
    for first, *others in at.values():
        for other in others:
            yield Finding("same_place", "points", other, {"target": "points", "target_id": first})
