"""Whether every stream of every district has a truck, a crew, a depot and somewhere to go."""

from collections import Counter
from collections.abc import Iterator

from city.check.finding import Finding
from city.check.in_use import InUse, streams_of
from city.registry import FacilityKind
from city.streams import Stream


def service_findings(used: InUse) -> Iterator[Finding]:
    """Find streams that nobody carries or accepts, and districts that lack what serving them takes."""
    for district_id in used.districts:
        yield from _district_findings(used, district_id)
    accepted = frozenset().union(*(streams_of(facility) for facility in used.facilities.values()))
    bins = Counter(one.stream for one in used.bins)
    for stream in Stream:
        if bins[stream] and stream not in accepted:
            yield Finding("stream_not_accepted", "city", used.data.city.name, {"stream": stream, "bins": bins[stream]})
        if bins[stream] and stream not in used.rules:
            yield Finding("stream_without_rule", "city", used.data.city.name, {"stream": stream, "bins": bins[stream]})
    for point_id in used.points:
        if not used.bins_at[point_id]:
            yield Finding("point_without_bins", "points", point_id)


def _district_findings(used: InUse, district_id: str) -> Iterator[Finding]:
    points = len(used.points_of[district_id])
    if not points:
        yield Finding("district_without_points", "districts", district_id)
        return
    if not used.trucks_of[district_id]:
        yield Finding("district_without_trucks", "districts", district_id, {"points": points})
        return
    if not used.crews_of[district_id]:
        yield Finding("district_without_crews", "districts", district_id, {"points": points})
        return
    homes = {truck.depot_id for truck in used.trucks_of[district_id]}
    if not any(
        one.kind == FacilityKind.DEPOT and (one.id in homes or one.district_id in (None, district_id))
        for one in used.facilities.values()
    ):
        yield Finding("district_without_depot", "districts", district_id)
    for stream in Stream:
        bins = len(used.bins_in[district_id, stream])
        if bins and not used.carriers[district_id, stream]:
            idle = sum(stream in streams_of(truck) for truck in used.trucks_of[district_id])
            code = "stream_without_crew" if idle else "stream_without_truck"
            yield Finding(code, "districts", district_id, {"stream": stream, "bins": bins, "trucks": idle})
