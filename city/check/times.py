"""Whether points, facilities and depots are open when somebody works."""

from collections.abc import Iterator, Sequence

from city.check.finding import Finding
from city.check.in_use import InUse, hours_of, streams_of
from city.hours import DAY_S, Span, format_time
from city.registry import FacilityKind, Shift
from city.streams import Stream


def time_findings(used: InUse) -> Iterator[Finding]:
    """Find points closed in every shift, facilities closed when trucks come to unload, and closed depots."""
    for district_id in used.districts:
        shifts = [span for shift in used.shifts_of(district_id) for span in hours_of(shift)]
        for point in used.points_of[district_id]:
            if shifts and not any(overlap(hours_of(point), span) for span in shifts):
                yield Finding("closed_in_every_shift", "points", point.id, {"hours": point.hours})
    for shift in used.shifts.values():
        crews = [crew for crew in used.crews if crew.shift_id == shift.id]
        for span in hours_of(shift)[:1]:
            if not crews:
                continue
            carried = {
                stream
                for crew in crews
                for stream in streams_of(used.trucks[crew.truck_id])
                if used.bins_in[crew.district_id, stream]
            }
            yield from _facility_findings(used, shift, span, sorted(carried))
            yield from _depot_findings(used, shift, span, {used.trucks[crew.truck_id].depot_id for crew in crews})


def overlap(hours: Sequence[Span], span: Span) -> bool:
    """Whether hours, which return every day, share a moment with a span. No hours mean always."""
    return not hours or any(
        one.start_s + day < span.end_s and span.start_s < one.end_s + day for one in hours for day in _DAYS
    )


def open_at(hours: Sequence[Span], second: int) -> bool:
    """Whether hours, which return every day, include a second of the service day, their ends counted in."""
    return not hours or any(one.start_s + day <= second <= one.end_s + day for one in hours for day in _DAYS)


_DAYS = (-DAY_S, 0, DAY_S)


def _facility_findings(used: InUse, shift: Shift, span: Span, carried: list[Stream]) -> Iterator[Finding]:
    for stream in carried:
        accepting = [one for one in used.facilities.values() if stream in streams_of(one)]
        if accepting and not any(overlap(hours_of(one), span) for one in accepting):
            yield Finding("stream_closed_in_shift", "shifts", shift.id, {"stream": stream, "hours": shift.hours})
    for facility in used.facilities.values():
        hours = hours_of(facility)
        if streams_of(facility) & set(carried) and overlap(hours, span) and not open_at(hours, span.end_s):
            closes_s = max(
                one.end_s + day for one in hours for day in _DAYS if span.start_s < one.end_s + day < span.end_s
            )
            numbers = {
                "closes": format_time(closes_s % DAY_S),
                "ends": format_time(span.end_s % DAY_S),
                "target": "shifts",
                "target_id": shift.id,
            }
            yield Finding("facility_closes_early", "facilities", facility.id, numbers)


def _depot_findings(used: InUse, shift: Shift, span: Span, homes: set[str]) -> Iterator[Finding]:
    for home in sorted(homes & used.facilities.keys()):
        depot = used.facilities[home]
        hours = hours_of(depot)
        shut = [second for second in span if not open_at(hours, second)]
        if depot.kind == FacilityKind.DEPOT and shut:
            numbers = {"at": format_time(shut[0] % DAY_S), "target": "shifts", "target_id": shift.id}
            yield Finding("depot_closed", "facilities", depot.id, numbers)
