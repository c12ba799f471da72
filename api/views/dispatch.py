"""A dispatch as a crew reads it: where to go, in order, and what was reported of every stop."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, Field

from agents.dispatches import Dispatch, DispatchState, DispatchVisit
from api.views.names import Names
from api.views.proposal import FacilityView, facility_of
from city.streams import Stream
from routing.plan import VisitKind
from sensors.service import CouldNotReason, ServiceOutcome, ServiceRecord


class ServiceRecordView(BaseModel):
    """What was reported of a stop."""

    at: datetime
    outcome: ServiceOutcome
    reason: CouldNotReason | None
    note: str
    weight_kg: float | None
    bin_count: int | None
    actor: str


class DispatchStopView(BaseModel):
    """A stop of a dispatch."""

    id: str = Field(examples=["p-1024/dry"])
    point_id: str
    name: str
    lon: float | None
    lat: float | None
    stream: Stream
    record: ServiceRecordView | None = Field(description="none: nothing was reported yet")


class DispatchVisitView(BaseModel):
    """One place on the way."""

    sequence: int
    kind: VisitKind
    arrives_at: datetime
    departs_at: datetime
    load_kg: int = Field(description="on board when the truck leaves, as planned")
    load_l: int
    stop: DispatchStopView | None = None
    facility: FacilityView | None = None


class DispatchLine(BaseModel):
    """A dispatch in a list."""

    id: str
    proposal_id: str
    proposal_version: int
    district_id: str
    district: str
    timezone: str = Field(description="the city's, IANA name")
    service_date: date
    shift_id: str
    shift: str
    truck_id: str
    plate: str
    crew_id: str | None
    state: DispatchState = Field(description="`stopped`: its truck goes no further")
    version: int = Field(description="grows with every change that its crew must see")
    published_at: datetime
    changed_at: datetime | None
    changed_by: str | None = Field(description="the change that made its present version")
    leaves_at: datetime
    returns_at: datetime
    distance_m: int
    duration_s: int


class DispatchView(DispatchLine):
    """A dispatch with its visits."""

    visits: list[DispatchVisitView]


def dispatch_line(dispatch: Dispatch, names: Names) -> DispatchLine:
    """Show a dispatch in a list."""
    return DispatchLine(
        **dispatch.model_dump(),
        district=names.districts.get(dispatch.district_id, dispatch.district_id),
        shift=names.shifts.get(dispatch.shift_id, dispatch.shift_id),
        plate=names.plates.get(dispatch.truck_id, dispatch.truck_id),
        timezone=str(names.timezone),
    )


def dispatch_view(
    dispatch: Dispatch, visits: Sequence[DispatchVisit], records: Sequence[ServiceRecord], names: Names
) -> DispatchView:
    """Show a dispatch with its visits and what was reported of them."""
    reported = {record.stop_id: record for record in records}
    return DispatchView(
        **dispatch_line(dispatch, names).__dict__,
        visits=[_visit(visit, reported.get(visit.stop_id), names) for visit in visits],
    )


def _visit(visit: DispatchVisit, record: ServiceRecord | None, names: Names) -> DispatchVisitView:
    stop = None
    if visit.stop_id is not None and visit.point_id is not None and visit.stream is not None:
        name, lon, lat = names.points.get(visit.point_id, (visit.point_id, None, None))
        stop = DispatchStopView(
            id=visit.stop_id,
            point_id=visit.point_id,
            name=name,
            lon=lon,
            lat=lat,
            stream=visit.stream,
            record=record_view(record) if record else None,
        )
    return DispatchVisitView(
        sequence=visit.sequence,
        kind=VisitKind(visit.kind),
        arrives_at=visit.arrives_at,
        departs_at=visit.departs_at,
        load_kg=visit.load_kg,
        load_l=visit.load_l,
        stop=stop,
        facility=facility_of(visit.facility_id, names) if visit.facility_id else None,
    )


def record_view(record: ServiceRecord) -> ServiceRecordView:
    """Show what was reported of a stop."""
    return ServiceRecordView.model_validate(record, from_attributes=True)
