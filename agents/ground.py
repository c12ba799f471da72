"""The ground: a district as one of its shifts finds it. Its points, when they are open, and who comes when after it.

Monitor, dispatcher and planner all stand on it. It is read by columns: row objects of 4,000 points would take longer
than the forecast of their bins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from agents.alarming import Alarming, read_alarming
from agents.cycles import leaves_from
from agents.dispatches import Underway, underway
from agents.roads import shift_time
from agents.shifts import ShiftDay, next_chances
from agents.windows import Closed, closed_times, open_windows
from city.hours import Span, service_second
from city.registry import Closure, ClosureKind, CollectionPoint, PointKind, StreamRule
from city.store import zone_of
from city.streams import Stream
from routing.shift_roads import ShiftTime

# A stream that no later shift carries is looked at a day ahead.
WITHOUT_NEXT_CHANCE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Point:
    """A collection point in use."""

    id: str
    name: str
    kind: PointKind
    lon: float
    lat: float
    hours: str
    service_s: int
    attended: bool
    max_width_cm: int | None
    max_height_cm: int | None
    max_weight_kg: int | None


@dataclass(frozen=True)
class Ground:
    """A district before one of its shifts.

    Attributes
    ----------
    day, begins_at, within
        The shift, when its first truck may leave, and what of it can be planned, in seconds of the service day.
    now, expected_at
        When this was read, and when a truck of the shift can be expected at a stop.
    next_chance
        The next shift after this one that carries a stream.
    rules
        What the city demands of each stream.
    closed_points
        Closures of collection points that touch the shift, by point id.
    underway
        Stops that a truck of an earlier shift is still on its way to, by stop id.
    alarming
        Open alarms of bins at its points.
    """

    day: ShiftDay
    zone: ZoneInfo
    now: datetime
    begins_at: datetime
    within: Span
    expected_at: datetime
    next_chance: Mapping[Stream, ShiftDay]
    points: Mapping[str, Point]
    rules: Mapping[Stream, StreamRule]
    closed_points: Mapping[str, tuple[Closed, ...]]
    underway: Mapping[str, Underway]
    alarming: Alarming = field(default_factory=Alarming)

    @property
    def streets_when(self) -> ShiftTime:
        """When its trucks are on the streets."""
        return shift_time(self.day.service_date, self.day.span, self.zone, self.begins_at)

    def next_at(self, stream: Stream) -> datetime:
        """When the next shift that carries the stream is expected to come by."""
        day = self.next_chance.get(stream)
        return self.expected_at + WITHOUT_NEXT_CHANCE if day is None else day.middle()

    def next_start(self, stream: Stream) -> datetime:
        """When the next shift that carries the stream begins."""
        day = self.next_chance.get(stream)
        return self.day.starts_at + WITHOUT_NEXT_CHANCE if day is None else day.starts_at

    def open_windows(self, point_id: str) -> tuple[Span, ...]:
        """When a point can be served in the shift, in order and apart: never, while something burns there."""
        if point_id in self.alarming.burning:
            return ()
        return open_windows(self.points[point_id].hours, self.closed_points.get(point_id, ()), self.within)

    def usual_windows(self, point_id: str) -> tuple[Span, ...]:
        """When it could be if nothing were closed."""
        return open_windows(self.points[point_id].hours, (), self.within)


def read_ground(session: Session, day: ShiftDay, now: datetime, *, begin: datetime | None = None) -> Ground:
    """Read a district for one of its shifts.

    Parameters
    ----------
    begin
        When its first truck may leave; ``None``: as soon as it may if it is planned now.
    """
    zone = zone_of(session)
    begin = begin or leaves_from(day, now)
    closures = session.exec(
        select(Closure).where(
            Closure.kind == ClosureKind.POINT, or_(col(Closure.ends_at).is_(None), col(Closure.ends_at) > begin)
        )
    )
    return Ground(
        day=day,
        zone=zone,
        now=now,
        begins_at=begin,
        within=Span(service_second(day.service_date, begin, zone), day.span.end_s),
        expected_at=day.middle(after=begin),
        next_chance=next_chances(session, zone, day),
        points=_points(session, day.district_id),
        rules={rule.stream: rule for rule in session.exec(select(StreamRule))},
        closed_points=closed_times(closures, day.service_date, zone, by=day.ends_at),
        underway=underway(session, day.district_id, now),
        alarming=read_alarming(session, day.district_id),
    )


def _points(session: Session, district_id: str) -> dict[str, Point]:
    columns = [getattr(CollectionPoint, name) for name in Point.__slots__]
    rows = session.connection().execute(
        sa.select(*columns)
        .where(col(CollectionPoint.district_id) == district_id, col(CollectionPoint.active))
        .order_by(col(CollectionPoint.id))
    )
    return {row.id: Point(*row) for row in rows}
