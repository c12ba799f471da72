"""Whether trucks fit the points they serve, and bins the trucks that empty them."""

from collections.abc import Iterable, Iterator

from city.check.finding import Finding
from city.check.in_use import InUse
from city.registry import Bin, Truck
from city.streams import Stream

# Largest width (cm), height (cm) and gross weight (kg) of a truck that gets to a point; ``None``: any.
Limits = tuple[int | None, int | None, int | None]


def fit_findings(used: InUse) -> Iterator[Finding]:
    """Find points that every truck is too big for, and bins that are more than any truck takes."""
    for point in used.points.values():
        limits = point.max_width_cm, point.max_height_cm, point.max_weight_kg
        streams = {one.stream for one in used.bins_at[point.id]} if any(limits) else ()
        for stream in sorted(streams):
            carriers = used.carriers[point.district_id, stream]
            if carriers and not any(_fits(truck, limits) for truck in carriers):
                code, numbers = _why_none_fits(carriers, limits, stream)
                yield Finding(code, "points", point.id, numbers)
    for (district_id, stream), bins in used.bins_in.items():
        carriers = used.carriers[district_id, stream]
        if carriers:
            body_l = max(round(truck.capacity_l * truck.compaction) for truck in carriers)
            most_kg = max(truck.capacity_kg for truck in carriers)
            rule = used.rules.get(stream)
            yield from _too_much(bins, body_l, most_kg, rule.density_kg_per_l if rule else 0.0)


def _too_much(bins: Iterable[Bin], body_l: int, most_kg: int, density_kg_per_l: float) -> Iterator[Finding]:
    for one in bins:
        if one.usable_volume_l > body_l:
            yield Finding("bin_too_large", "bins", one.id, {"volume_l": one.usable_volume_l, "capacity_l": body_l})
        weight_kg = round(one.usable_volume_l * density_kg_per_l)
        if weight_kg > most_kg:
            yield Finding("bin_too_heavy", "bins", one.id, {"weight_kg": weight_kg, "capacity_kg": most_kg})


def _fits(truck: Truck, limits: Limits) -> bool:
    sizes = truck.width_cm, truck.height_cm, truck.gross_weight_kg
    return all(limit is None or size <= limit for size, limit in zip(sizes, limits, strict=True))


def _why_none_fits(carriers: list[Truck], limits: Limits, stream: Stream) -> tuple[str, dict[str, object]]:
    """Name the limit that keeps every truck out; each may be kept out by another."""
    smallest = (
        min(truck.width_cm for truck in carriers),
        min(truck.height_cm for truck in carriers),
        min(truck.gross_weight_kg for truck in carriers),
    )
    for code, size, limit in zip(("too_wide", "too_high", "too_heavy"), smallest, limits, strict=True):
        if limit is not None and size > limit:
            return f"trucks_{code}", {"stream": stream, "limit": limit, "smallest": size}
    return "trucks_too_big", {"stream": stream}
