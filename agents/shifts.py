"""When crews work: the shifts of a district as moments in time, and the next chance to serve a stream."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from agents.errors import NotFoundError
from city.hours import DAY_S, Span, parse_hours, service_moment
from city.registry import Crew, District, Shift, Truck
from city.store import zone_of
from city.streams import Stream, parse_streams

# How many days ahead a next shift is looked for. Every crew in the registry works its shift each day.
HORIZON_DAYS = 2


@dataclass(frozen=True, slots=True)
class ShiftDay:
    """One shift of one district on one service date.

    Attributes
    ----------
    starts_at, ends_at
        Its span as moments.
    streams
        What the trucks that have a crew in it may carry.
    max_overtime_s
        How much longer than `max_duration_s` a crew may be out.
    break_within, break_s
        When its break may begin, and how long it takes; ``None``: it has none.
    """

    district_id: str
    service_date: date
    shift_id: str
    span: Span
    starts_at: datetime
    ends_at: datetime
    max_duration_s: int
    streams: frozenset[Stream]
    zone: ZoneInfo
    max_overtime_s: int = 0
    break_within: Span | None = None
    break_s: int = 0

    @property
    def thread_id(self) -> str:
        """Name of its LangGraph thread."""
        return f"{self.district_id}/{self.service_date.isoformat()}/{self.shift_id}"

    def middle(self, *, after: datetime | None = None) -> datetime:
        """When a truck is expected to come by: the middle of the shift, or of what is left of it after a moment."""
        start = self.starts_at if after is None else max(self.starts_at, after)
        return start + (self.ends_at - start) / 2


def shift_days(
    session: Session, zone: ZoneInfo, dates: Iterable[date], district_id: str | None = None
) -> list[ShiftDay]:
    """Return the shifts in which a district has a crew with a truck in use, by their start.

    Parameters
    ----------
    dates
        Service dates.
    district_id
        Only this district's; ``None``: of every district.
    """
    query = (
        select(Crew.district_id, Crew.shift_id, Truck.streams)
        .join(Truck, col(Truck.id) == Crew.truck_id)
        .join(District, col(District.id) == Crew.district_id)
        .where(col(Crew.active), col(Truck.active), col(District.active))
        .distinct()
    )
    if district_id is not None:
        query = query.where(Crew.district_id == district_id)
    carried: dict[tuple[str, str], frozenset[Stream]] = defaultdict(frozenset)
    for district, shift_id, streams in session.exec(query):
        carried[district, shift_id] |= parse_streams(streams)
    shifts = {shift.id: shift for shift in session.exec(select(Shift).where(col(Shift.active)))}
    days = [
        _shift_day(district, shifts[shift_id], service_date, zone, streams)
        for (district, shift_id), streams in carried.items()
        if shift_id in shifts
        for service_date in dates
    ]
    return sorted(days, key=lambda day: (day.starts_at, day.district_id, day.shift_id))


def shift_day(session: Session, district_id: str, service_date: date, shift_id: str) -> ShiftDay:
    """Return one shift of one district, also when nobody works in it.

    Raises
    ------
    NotFoundError
        If there is no such district or shift, or the shift is another district's.
    """
    district = session.get(District, district_id)
    if district is None or not district.active:
        raise NotFoundError("unknown_district", district_id=district_id)
    shift = session.get(Shift, shift_id)
    if shift is None or not shift.active or shift.district_id not in (None, district_id):
        raise NotFoundError("unknown_shift", shift_id=shift_id, district_id=district_id)
    zone = zone_of(session)
    for day in shift_days(session, zone, [service_date], district_id):
        if day.shift_id == shift_id:
            return day
    return _shift_day(district_id, shift, service_date, zone, frozenset())


def _shift_day(
    district_id: str, shift: Shift, service_date: date, zone: ZoneInfo, streams: frozenset[Stream]
) -> ShiftDay:
    span = parse_hours(shift.hours)[0]
    return ShiftDay(
        district_id=district_id,
        service_date=service_date,
        shift_id=shift.id,
        span=span,
        starts_at=service_moment(service_date, span.start_s, zone),
        ends_at=service_moment(service_date, span.end_s, zone),
        max_duration_s=shift.max_duration_s,
        streams=streams,
        zone=zone,
        max_overtime_s=shift.max_overtime_s,
        break_within=_break_within(shift, span),
        break_s=shift.break_s,
    )


def _break_within(shift: Shift, span: Span) -> Span | None:
    """Return when a shift's break may begin; one written as before its start is after midnight."""
    for start_s, end_s in parse_hours(shift.break_hours):
        later_s = DAY_S if end_s < span.start_s else 0
        return Span(start_s + later_s, end_s + later_s)
    return None


def shift_end(session: Session, shift_id: str, service_date: date) -> datetime:
    """Return when a shift ends, also one that is not in use any more."""
    return service_moment(service_date, shift_span(session, shift_id).end_s, zone_of(session))


def shift_span(session: Session, shift_id: str) -> Span:
    """Return a shift's seconds of the service day, also of one that is not in use any more."""
    return parse_hours(session.get_one(Shift, shift_id).hours)[0]


def next_chances(session: Session, zone: ZoneInfo, today: ShiftDay) -> dict[Stream, ShiftDay]:
    """Return, for every stream, the first shift of the district after this one whose trucks may carry it."""
    dates = [today.service_date + timedelta(days=ahead) for ahead in range(HORIZON_DAYS + 1)]
    found: dict[Stream, ShiftDay] = {}
    for day in shift_days(session, zone, dates, today.district_id):
        if day.starts_at > today.starts_at:
            for stream in day.streams:
                found.setdefault(stream, day)
    return found
